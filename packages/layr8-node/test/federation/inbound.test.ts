import { packSigned } from "@parley/didcomm-crypto";
import { generateKeyPairSync } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stopClock } from "@parley/test-assertions";
import { forge, type Draft } from "../../../didcomm-crypto/test/forge.ts";
import { startNode } from "../../src/node.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { RawAgent } from "../raw-agent.ts";
import { BOB, ECHO } from "./pair.ts";
import { agreementKey, documentOf, keyOf, post, RemoteSender, withHeader } from "./remote-sender.ts";

const MEGABYTE = 1024 * 1024;
const FORWARD = "https://didcomm.org/routing/2.0/forward";
const REFUSED = { status: 400, code: "bad_request", text: '{"error":"message refused","code":"bad_request"}' };

let remoteSender: RemoteSender;
let node: Layr8Node;
let bob: RawAgent;
let to: Awaited<ReturnType<typeof keyOf>>;

async function start(options: NodeOptions = {}): Promise<void> {
  node = await startNode({
    port: 0,
    domain: "b.localhost",
    logger: false,
    ...options,
    limits: { strangersPerSecond: 1000, ...options.limits },
    resolution: { hosts: { "m.localhost": remoteSender.origin }, ...options.resolution },
  });
  bob = await RawAgent.join(node, { did: BOB, protocols: [ECHO] });
  to = await keyOf(node);
}

async function restart(options: NodeOptions): Promise<void> {
  bob.close();
  await node.close();
  await start(options);
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${node.httpUrl}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`layr8_node_${name} `));
  return Number(line?.split(" ").at(-1) ?? 0);
}

let ids = 0;
const newId = (): string => `new-${++ids}`;

/** A good message arrives, and nothing that came before it. */
async function servesStill(): Promise<void> {
  const id = newId();
  expect(await post(node, remoteSender.pack(remoteSender.message(id), to))).toMatchObject({ status: 202, text: "" });
  expect((await bob.receive()).plaintext["id"]).toBe(id);
}

beforeEach(async () => {
  remoteSender = await RemoteSender.listen();
  await start();
});
afterEach(async () => {
  bob.close();
  await node.close();
  await remoteSender.close();
});

it("a message that is too large for its recipient's frames is rejected before it is stored", async () => {
  await restart({ limits: { maxFrameBytes: 20_000 } });
  const tooLarge = remoteSender.message("large", { body: { text: "語".repeat(7000) } });
  expect(await post(node, remoteSender.pack(tooLarge, to))).toMatchObject({ status: 413, code: "too_large" });
  await servesStill();
});

describe("POST /didcomm", () => {
  it("accepts a message with 202 and no body, and delivers it unchanged", async () => {
    const message = remoteSender.message("1", { "x-more": { kept: [1, 2] } });
    expect(await post(node, remoteSender.pack(message, to))).toMatchObject({ status: 202, text: "" });
    expect(await bob.receive()).toEqual({
      context: { recipient: BOB, authorized: true, sender_credentials: [], attempt: 1 },
      plaintext: message,
    });
  });

  it.each([
    "application/json",
    "application/json; charset=utf-8",
    "application/didcomm-encrypted+json; v=2",
    "application/didcomm-envelope-enc",
  ])("takes %s", async (contentType) => {
    expect((await post(node, remoteSender.pack(remoteSender.message("1"), to), contentType)).status).toBe(202);
  });

  it.each(["text/plain", "application/didcomm-signed+json", "application/didcomm-plain+json", "application/xml", "nonsense"])(
    "refuses %s with 415",
    async (contentType) => {
      expect(await post(node, remoteSender.pack(remoteSender.message("1"), to), contentType)).toMatchObject({
        status: 415,
        code: "unsupported_media_type",
      });
    },
  );

  it("accepts the same message again, and delivers it once", async () => {
    for (let times = 0; times < 3; times++) {
      expect((await post(node, remoteSender.pack(remoteSender.message("1"), to))).status).toBe(202);
    }
    expect((await bob.receive()).plaintext["id"]).toBe("1");
    await servesStill();
  });

  it("recognizes an accepted message that it would now reject", async () => {
    const envelope = remoteSender.pack(remoteSender.message("1", { expires_time: Math.floor(Date.now() / 1000) + 60 }), to);
    expect((await post(node, envelope)).status).toBe(202);
    await bob.receive();
    bob.ack("1");
    bob.close();
    const closed = bob;
    bob = await RawAgent.join(node, { did: BOB, protocols: ["https://layr8.io/protocols/other/1.0"] });
    await closed.client.closed;
    expect((await post(node, envelope)).status).toBe(202);
    await expect
      .poll(async () => (await post(node, remoteSender.pack(remoteSender.message(newId()), to))).code)
      .toBe("e.p.msg.unsupported");
    expect((await post(node, envelope)).status).toBe(202);
  });

  it("distinguishes addresses behind a configured proxy", async () => {
    stopClock();
    await restart({ trustProxy: 1, limits: { strangersPerSecond: 1 } });
    const send = async (from: string, n: number): Promise<number> => {
      const response = await fetch(`${node.httpUrl}/didcomm`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-forwarded-for": from },
        body: forgeFrom(`did:web:m.localhost:n${n}`),
      });
      return response.status;
    };
    expect([await send("192.0.2.1", 1), await send("192.0.2.1", 2), await send("192.0.2.2", 3)]).toEqual([400, 429, 400]);
    // A proxy appends an address; the client chose those before it.
    expect([await send("198.51.100.1, 192.0.2.3", 4), await send("198.51.100.2, 192.0.2.3", 5)]).toEqual([400, 429]);
  });

  it("accepts a message whose sender is encrypted", async () => {
    expect((await post(node, remoteSender.pack(remoteSender.message("1"), to, { hideSender: true }))).status).toBe(202);
    expect((await bob.receive()).plaintext["from"]).toBe(remoteSender.did);
  });

  it("requires from to be the DID of the key", async () => {
    const lie = forgery({}, remoteSender.message("1", { from: `${remoteSender.did}-2` }));
    expect(await post(node, lie)).toMatchObject(REFUSED);
    expect(await metric('federation_received_total{result="from_mismatch"}')).toBe(1);
    await servesStill();
  });

  it("rejects a message without a sender with 403", async () => {
    const anonymous = remoteSender.pack({ ...remoteSender.message("1") }, to, { from: "anonymous" });
    expect(await post(node, anonymous)).toMatchObject({ status: 403, code: "sender_required" });
    await servesStill();
  });

  it("rejects a message that is only signed", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519", {
      publicKeyEncoding: { format: "jwk" },
      privateKeyEncoding: { format: "jwk" },
    } as never) as { publicKey: unknown; privateKey: unknown };
    const kid = `${remoteSender.did}#agreement`;
    remoteSender.serve = (_, response) => {
      const { keyAgreement: _none, ...document } = documentOf(remoteSender.did, publicKey);
      remoteSender.response(response, { ...document, authentication: [kid] });
    };
    const signed = packSigned(JSON.stringify(remoteSender.message("1")), { kid, privateKey: privateKey as never });
    expect(await post(node, signed)).toMatchObject(REFUSED);
    expect(await metric('federation_received_total{result="not_encrypted"}')).toBe(1);
  });

  it.each<[string, object, object]>([
    ["for a DID that isn't hosted", { kid: "did:web:b.localhost:nobody#agreement" }, { status: 404, code: "not_found" }],
    ["for a key that isn't there", { kid: `${BOB}#other` }, { status: 404, code: "not_found" }],
  ])("answers 404 %s", async (_, change, expected) => {
    const recipient = { ...to, ...change };
    const [did = ""] = recipient.kid.split("#");
    expect(await post(node, remoteSender.pack(remoteSender.message("1", { to: [did] }), recipient))).toMatchObject(expected);
  });

  it.each([undefined, null, []])("accepts authcrypt whose to is %j for the recipient that it is encrypted for", async (absent) => {
    expect((await post(node, remoteSender.pack(remoteSender.message("1", { to: absent }), to))).status).toBe(202);
    expect(await bob.receive()).toMatchObject({ plaintext: { id: "1" }, context: { recipient: BOB } });
  });

  it("rejects expired messages with a code for the sender's agent", async () => {
    expect(await post(node, remoteSender.pack(remoteSender.message("1", { expires_time: 1 }), to))).toMatchObject({
      status: 422,
      code: "e.p.msg.expired",
    });
  });

  it("rejects a header that differs from another only in case", async () => {
    expect(await post(node, remoteSender.pack(remoteSender.message("1", { From: BOB }), to))).toMatchObject(REFUSED);
  });

  it("rejects messages for a full inbox with a Retry-After, and reserves a quarter for local agents", async () => {
    await restart({ limits: { maxInboxMessages: 4 } });
    bob.close();
    for (const id of ["1", "2", "3"]) expect((await post(node, remoteSender.pack(remoteSender.message(id), to))).status).toBe(202);
    expect(await post(node, remoteSender.pack(remoteSender.message("4"), to))).toMatchObject({
      status: 503,
      code: "inbox_full",
      retryAfter: "1",
    });
  });

  it("limits the rate of a sender", async () => {
    stopClock();
    await restart({ limits: { remoteMessagesPerSecond: 5 } });
    const answers = [];
    for (let i = 0; i < 7; i++) answers.push(await post(node, remoteSender.pack(remoteSender.message(`m${i}`), to)));
    expect(answers.slice(0, 5).map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    for (const answer of answers.slice(5)) expect(answer).toMatchObject({ status: 429, code: "rate_limited", retryAfter: "1" });
  });

  it("limits the rate of an address for unknown senders, but not for authenticated ones", async () => {
    stopClock();
    await restart({ limits: { strangersPerSecond: 3 } });
    // The first message of an unknown sender costs one of three units.
    await servesStill();
    remoteSender.serve = (_, response) => response.writeHead(404).end();
    const dids = Array.from({ length: 10 }, (_, index) => `did:web:m.localhost:s${index}`);
    const answers = await Promise.all(dids.map((did) => post(node, forgeFrom(did))));
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(8);
    expect(remoteSender.asked.filter((path) => path.includes("/s"))).toHaveLength(2);
    await servesStill();
  });
});

describe("known hosts only", () => {
  const DENIED = { status: 403, code: "e.m.authz.denied" };

  it("accepts messages of hosts in knownHosts or resolution.hosts", async () => {
    for (const knownHosts of [[], ["M.localhost"]]) {
      await restart({ knownHosts });
      expect(await post(node, remoteSender.pack(remoteSender.message("1"), to))).toMatchObject({ status: 202 });
    }
  });

  it("rejects other hosts, and senders without a host, before it resolves their documents", async () => {
    await restart({ knownHosts: ["partner.example"] });
    const asked = remoteSender.asked.length;
    expect(await post(node, forgeFrom("did:web:other.localhost:eve"))).toMatchObject(DENIED);
    expect(await post(node, forgeFrom("did:web:m.localhost.example:eve"))).toMatchObject(DENIED);
    expect(await post(node, forgeFrom("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"))).toMatchObject(DENIED);
    expect(remoteSender.asked.length).toBe(asked);
    await servesStill();
    const text = await (await fetch(`${node.httpUrl}/metrics`)).text();
    expect(text).toContain('federation_received_total{result="unknown_host"} 3');
  });

  it.each([[["https://partner.example/path"]], ["partner.example"], [[""]]])("rejects %j as knownHosts", async (knownHosts) => {
    await expect(startNode({ port: 0, logger: false, knownHosts: knownHosts as never })).rejects.toThrow(
      /^Option "knownHosts" must be a list of hosts/,
    );
  });
});

/** An envelope that decrypts, with the given content. */
function forgery({ change }: { change?: (draft: Draft) => void }, content: object = remoteSender.message("evil")): string {
  const keys = { from: remoteSender.key as never, to: { ...to, curve: "X25519" } as never };
  return forge(content as never, { ...keys, ...(change && { change }) });
}

/** A message that claims another key than Mallory's. */
function forgeFrom(did: string): string {
  const { key } = remoteSender;
  const envelope = remoteSender.pack(remoteSender.message("lie", { from: did }), to, {
    from: { ...key, kid: `${did}#agreement` } as never,
  });
  return envelope;
}

describe("policies apply to senders on other nodes", () => {
  it("denied senders get a code for their agent", async () => {
    await restart({ policies: [{ did: BOB, deny: ["did:web:m.localhost:*"] }] });
    expect(await post(node, remoteSender.pack(remoteSender.message("1"), to))).toMatchObject({ status: 403, code: "e.m.authz.denied" });
  });

  it("senders are marked if the policy is not enforced", async () => {
    await restart({ policies: [{ did: BOB, allow: ["did:web:b.localhost:*"], enforce: false }] });
    expect((await post(node, remoteSender.pack(remoteSender.message("1"), to))).status).toBe(202);
    expect((await bob.receive()).context["authorized"]).toBe(false);
  });

  it("missing credentials are reported once, even if the message is sent again", async () => {
    await restart({ policies: [{ did: BOB, credentials: [{ type: "Badge", issuers: ["*"] }] }] });
    const envelope = remoteSender.pack(remoteSender.message("1"), to);
    expect((await post(node, envelope)).status).toBe(202);
    expect((await post(node, envelope)).status).toBe(202);
    await expect.poll(() => remoteSender.received.length).toBe(1);
    expect(await metric('messages_dead_total{cause="denied"}')).toBe(2);
  });
});

describe("a forward", () => {
  const forwardOf = (attachments: readonly object[], more: object = {}) => ({
    id: newId(),
    type: FORWARD,
    to: [BOB],
    body: { next: BOB },
    attachments,
    ...more,
  });
  const inJson = (envelope: string) => ({ data: { json: JSON.parse(envelope) as unknown } });
  const anonymously = (message: object) => remoteSender.pack(message, to, { from: "anonymous" });

  it.each<[string, (envelope: string) => object]>([
    ["json", inJson],
    ["base64", (envelope) => ({ data: { base64: Buffer.from(envelope).toString("base64url") } })],
  ])("is opened, and what is in it as %s is handled as if it had been posted", async (_, attach) => {
    const inner = remoteSender.pack(remoteSender.message("1"), to);
    expect(await post(node, anonymously(forwardOf([attach(inner)])))).toMatchObject({ status: 202, text: "" });
    expect((await bob.receive()).plaintext["id"]).toBe("1");
  });

  it("may be in a forward, and no deeper", async () => {
    let envelope = remoteSender.pack(remoteSender.message("1"), to);
    for (let depth = 1; depth <= 3; depth++) {
      envelope = anonymously(forwardOf([inJson(envelope)]));
      expect((await post(node, envelope)).status).toBe(depth <= 2 ? 202 : 400);
    }
  });

  it.each<[string, object, number]>([
    ["to a DID that isn't hosted here", { body: { next: "did:web:c.localhost:carol" } }, 404],
    ["to nobody", { body: {} }, 400],
    ["to an invalid DID", { body: { next: "bob" } }, 400],
    ["of nothing", { attachments: [] }, 400],
    ["of too much", { attachments: Array.from({ length: 9 }, () => ({ data: { json: {} } })) }, 400],
    ["of a link", { attachments: [{ data: { links: ["http://127.0.0.1/x"], hash: "x" } }] }, 400],
    ["of a plaintext", { attachments: [{ data: { json: { id: "1", type: `${ECHO}/request`, to: [BOB], body: {} } } }] }, 400],
  ])("%s is refused", async (_, more, status) => {
    expect((await post(node, anonymously(forwardOf([inJson(remoteSender.pack(remoteSender.message("1"), to))], more)))).status).toBe(
      status,
    );
    await servesStill();
  });
});

describe("hostile envelopes are rejected in bounded time, with the same response", () => {
  const good = () => remoteSender.pack(remoteSender.message("evil"), to);
  const forged = (change: (draft: Draft) => unknown) => () => forgery({ change: (draft) => void change(draft) });
  const header = (change: (header: Record<string, unknown>) => Record<string, unknown>) => () => withHeader(good(), change);

  it.each<[string, () => string | Uint8Array<ArrayBuffer>]>([
    ["nothing", () => ""],
    ["no JSON", () => "{"],
    ["a list", () => "[]"],
    ["an empty object", () => "{}"],
    ["a plaintext", () => JSON.stringify(remoteSender.message("1"))],
    ["broken UTF-8", () => new Uint8Array([0x7b, 0xff, 0xfe])],
    ["another epk", header((all) => ({ ...all, epk: agreementKey("x").publicKey }))],
    ["an epk on another curve", header((all) => ({ ...all, epk: agreementKey("x", "P-256").publicKey }))],
    ["an epk of low order", header((all) => ({ ...all, epk: { kty: "OKP", crv: "X25519", x: "A".repeat(43) } }))],
    [
      "an epk that is not on its curve",
      header((all) => ({ ...all, epk: { kty: "EC", crv: "P-256", x: "A".repeat(42) + "E", y: "A".repeat(42) + "E" } })),
    ],
    ["a private epk", header((all) => ({ ...all, epk: agreementKey("x").privateKey }))],
    ["no epk", forged(({ protected: all }) => delete all["epk"])],
    ["no apu", forged(({ protected: all }) => delete all["apu"])],
    ["another apu", forged(({ protected: all }) => (all["apu"] = Buffer.from("did:web:x#k").toString("base64url")))],
    ["no apv", forged(({ protected: all }) => delete all["apv"])],
    ["another apv", forged(({ protected: all }) => (all["apv"] = "AAAA"))],
    ["the skid of another DID", forged(({ protected: all }) => (all["skid"] = `${BOB}#agreement`))],
    [
      "the skid and apu of another DID",
      forged(({ protected: all }) =>
        Object.assign(all, { skid: `${BOB}#agreement`, apu: Buffer.from(`${BOB}#agreement`).toString("base64url") }),
      ),
    ],
    ["another typ", forged(({ protected: all }) => (all["typ"] = "application/didcomm-plain+json"))],
    ["an invalid plaintext", () => forgery({}, { from: remoteSender.did, to: [BOB] })],
    ["a plaintext to another DID", () => forgery({}, remoteSender.message("evil", { to: ["did:web:b.localhost:carol"] }))],
    ["ECDH-ES with a skid", header((all) => ({ ...all, alg: "ECDH-ES+A256KW" }))],
    ["authcrypt with A256GCM", header((all) => ({ ...all, enc: "A256GCM" }))],
    ["alg dir", header((all) => ({ ...all, alg: "dir" }))],
    ["alg none", header((all) => ({ ...all, alg: "none" }))],
    ["compression", header((all) => ({ ...all, zip: "DEF" }))],
    ["crit", header((all) => ({ ...all, crit: ["x"] }))],
    ["__proto__", header((all) => ({ ...all, ["__proto__"]: { alg: "none" } }))],
    ["a changed ciphertext", () => good().replace(/"ciphertext":"(.)/, (_, first) => `"ciphertext":"${first === "A" ? "B" : "A"}`)],
    ["a changed tag", () => good().replace(/"tag":"(.)/, (_, first) => `"tag":"${first === "A" ? "B" : "A"}`)],
    ["a member twice", () => good().replace("{", '{"iv":"AAAA",')],
    ["an iv of 3 MB", () => good().replace('"iv":"', `$&${"A".repeat(3 * MEGABYTE)}`)],
    ["quotes and backslashes", () => `{"a":"${'\\"'.repeat(MEGABYTE)}`],
  ])("%s", async (_, make) => {
    expect(await post(node, make())).toMatchObject(REFUSED);
    await servesStill();
    expect(await metric("failures_total")).toBe(0);
  });

  it.each<[string, () => string]>([
    ["10 MB of anything", () => "x".repeat(10 * MEGABYTE)],
    ["a header of 10 MB", () => good().replace('"protected":"', `$&${"A".repeat(10 * MEGABYTE)}`)],
    ["a header of 3 MB", () => good().replace('"protected":"', `$&${"A".repeat(3 * MEGABYTE)}`)],
    ["lists that open for 3 MB", () => "[".repeat(3 * MEGABYTE)],
    ["objects that open for 3 MB", () => '{"a":'.repeat(MEGABYTE / 2)],
    ["a deep protected header", header(() => JSON.parse('{"a":'.repeat(500) + "1" + "}".repeat(500)) as never)],
    [
      "thousands of recipients",
      () =>
        JSON.stringify({
          ...(JSON.parse(good()) as object),
          recipients: Array.from({ length: 10_000 }, (_, i) => ({ header: { kid: `${BOB}#${i}` }, encrypted_key: "AA" })),
        }),
    ],
  ])("%s is too large", async (_, make) => {
    expect(await post(node, make()).catch((error: unknown) => ({ status: 413, code: "too_large", error }))).toMatchObject({
      status: 413,
      code: "too_large",
    });
    await servesStill();
  });
});

describe("a hostile host of a sender", () => {
  const slow: (() => void)[] = [];
  afterEach(() => {
    for (const end of slow.splice(0)) end();
  });

  it.each<[string, (remoteSender: RemoteSender) => RemoteSender["serve"], number, string]>([
    ["no document", () => (_, response) => void response.writeHead(404).end(), 400, "bad_request"],
    [
      "a document of another DID",
      (self) => (_, response) => self.response(response, documentOf("did:web:m.localhost:x", self.key.publicKey)),
      400,
      "bad_request",
    ],
    [
      "another key",
      (self) => (_, response) => self.response(response, documentOf(self.did, agreementKey("x").publicKey)),
      400,
      "bad_request",
    ],
    ["no keys", (self) => (_, response) => self.response(response, { id: self.did }), 400, "bad_request"],
    [
      "a private key",
      (self) => (_, response) => self.response(response, documentOf(self.did, agreementKey("x").privateKey)),
      400,
      "bad_request",
    ],
    [
      "no JSON",
      () => (_, response) => void response.writeHead(200, { "content-type": "application/json" }).end("<html>"),
      400,
      "bad_request",
    ],
    ["HTML", () => (_, response) => void response.writeHead(200, { "content-type": "text/html" }).end("{}"), 400, "bad_request"],
    [
      "a huge document",
      () => (_, response) => void response.writeHead(200, { "content-type": "application/json" }).end("x".repeat(MEGABYTE)),
      400,
      "bad_request",
    ],
    [
      "a redirect",
      () => (_, response) => void response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
      503,
      "resolution_failed",
    ],
    ["an error", () => (_, response) => void response.writeHead(500).end(), 503, "resolution_failed"],
    ["a connection that breaks", () => (request) => void request.socket.destroy(), 503, "resolution_failed"],
    ["silence", () => () => {}, 503, "resolution_failed"],
    [
      "single bytes with pauses",
      () => (_, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const timer = setInterval(() => response.write(" "), 50);
        slow.push(() => clearInterval(timer));
      },
      503,
      "resolution_failed",
    ],
  ])("%s refuses its messages", async (_, serve, status, code) => {
    await restart({ resolution: { hosts: { "m.localhost": remoteSender.origin }, timeoutMs: 300 } });
    remoteSender.serve = serve(remoteSender);
    expect(await post(node, remoteSender.pack(remoteSender.message("1"), to))).toMatchObject({ status, code });
    expect(await metric("failures_total")).toBe(0);
  });

  it.each([
    ["this machine", "localhost", {}],
    ["a name below it", "evil.localhost", {}],
    ["an address in disguise", "0x7f000001", {}],
    ["what its operator has not allowed", "localhost%3A%PORT", { httpForLoopback: true }],
  ])("a DID at %s is not asked for", async (_, host, resolution) => {
    await restart({ resolution });
    const did = `did:web:${host.replace("%PORT", String(remoteSender.port))}:mallory`;
    expect(await post(node, forgeFrom(did))).toMatchObject({ status: 400, code: "bad_request" });
    expect(remoteSender.asked).toEqual([]);
  });

  it("reports an unresolvable document to the other node without the cause", async () => {
    const answer = '{"error":"the sender\'s DID can\'t be resolved here","code":"bad_request"}';
    expect((await post(node, forgeFrom("did:web:localhost:mallory"))).text).toBe(answer);
    remoteSender.serve = (_, response) => void response.writeHead(404).end();
    expect((await post(node, remoteSender.pack(remoteSender.message("1"), to))).text).toBe(answer);
  });

  it("continues after a host unknown to DNS", async () => {
    expect(await post(node, forgeFrom("did:web:nobody.invalid:mallory"))).toMatchObject({ status: 503, code: "resolution_failed" });
    await servesStill();
  });

  it("slow hosts use no budget of known senders", async () => {
    await restart({ limits: { maxStrangers: 4 } });
    await servesStill();
    remoteSender.serve = () => {};
    const waiting = Array.from({ length: 20 }, (_, index) => post(node, forgeFrom(`did:web:m.localhost:slow${index}`)));
    const first = await Promise.race(waiting);
    expect(first).toMatchObject({ status: 429, code: "rate_limited" });
    await servesStill();
    await remoteSender.close();
    remoteSender = await RemoteSender.listen();
    await Promise.all(waiting);
  });
});
