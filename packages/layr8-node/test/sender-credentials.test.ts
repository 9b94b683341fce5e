import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signCredential, signPresentation } from "@parley/vc";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode } from "../src/node.ts";
import type { Layr8Node } from "../src/layr8-node.ts";
import type { NodeOptions } from "../src/options.ts";
import { didKey } from "./did-key.ts";
import { RawAgent } from "./raw-agent.ts";

const ORDER = "https://shop.example/orders/1.0";
const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const CAROL = "did:web:localhost:carol";
const ISSUER = "did:web:localhost:acme";
const KEY = "a-key-that-lives-through-restarts";
const EMPLOYEE = { type: "EmployeeCredential", issuers: [ISSUER] };
const OK = { status: "ok", response: {} };

let node: Layr8Node;
let agents: RawAgent[];

async function start(options: NodeOptions = {}): Promise<void> {
  await node?.close();
  node = await startNode({ port: 0, logger: false, apiKeys: [{ key: KEY, dids: "any" }], ...options });
}

async function agent(did: string): Promise<RawAgent> {
  const joined = await RawAgent.join(node, { did, protocols: [ORDER], apiKey: KEY });
  agents.push(joined);
  return joined;
}

async function rest(path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${node.httpUrl}/api/v1/${path}`, {
    method: "POST",
    headers: { "x-api-key": KEY, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

async function credential(changes: object = {}, issuer = ISSUER): Promise<string> {
  const { signed_credential: signed } = await rest("credentials/sign", {
    issuer_did: issuer,
    credential: {
      "@context": ["https://www.w3.org/ns/credentials/v2"],
      id: "urn:uuid:6a1676b8-b51f-11ed-937b-d76685a20ff5",
      type: ["VerifiableCredential", "EmployeeCredential"],
      issuer,
      validFrom: "2026-01-01T00:00:00Z",
      credentialSubject: { id: ALICE, role: "buyer" },
      ...changes,
    },
  });
  return signed as string;
}

interface Presented {
  readonly credentials?: readonly string[];
  readonly holder?: string;
  readonly nonce?: string;
  readonly audience?: string | readonly string[];
  readonly format?: string;
}

async function presentation({ credentials, holder = ALICE, nonce = "1", audience = BOB, format }: Presented = {}): Promise<string> {
  const answer = await rest("presentations/sign", {
    credentials: credentials ?? [await credential()],
    holder_did: holder,
    nonce,
    audience,
    format,
  });
  return answer["signed_presentation"] as string;
}

function attachment(signed: unknown): object {
  return { media_type: "application/vp+jwt", format: "sender_presentation/1", data: { json: signed } };
}

function message(id: string, attachments?: readonly object[], more: object = {}): object {
  return { id, type: `${ORDER}/create`, from: ALICE, to: [BOB], body: {}, ...(attachments && { attachments }), ...more };
}

const SEEN = {
  credential_subject: { id: ALICE, role: "buyer" },
  type: ["VerifiableCredential", "EmployeeCredential"],
  issuer: ISSUER,
  id: "urn:uuid:6a1676b8-b51f-11ed-937b-d76685a20ff5",
  valid_from: "2026-01-01T00:00:00Z",
};

beforeEach(async () => {
  agents = [];
  await start();
});

afterEach(async () => {
  for (const joined of agents) joined.close();
  await node.close();
});

describe("credentials that a sender presents with a message", () => {
  it.each(["compact_jwt", "jwt", "json", "enveloped"])("reach the recipient verified, as %s", async (format) => {
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const sent = message("1", [attachment(await presentation({ format }))]);
    expect(await alice.send(sent)).toEqual(OK);
    const { context, plaintext } = await bob.receive();
    expect(context).toMatchObject({ authorized: true, sender_credentials: [SEEN] });
    expect(plaintext).toEqual(sent);
  });

  it.each<[name: unknown, shown: object]>([
    [7, {}],
    [["Alice"], {}],
    [{ "@value": "Alice", "@language": "en" }, { name: "Alice" }],
  ])("have a name as text, which SDKs of layr8 need, and all other claims: %j", async (name, shown) => {
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const subject = { id: ALICE, name };
    await alice.send(message("1", [attachment(await presentation({ credentials: [await credential({ credentialSubject: subject })] }))]));
    const { context } = await bob.receive();
    expect(context["sender_credentials"]).toMatchObject([{ credential_subject: { id: ALICE, ...shown }, claims: subject }]);
    const [entry] = context["sender_credentials"] as [{ credential_subject: object }];
    expect(Object.keys(entry.credential_subject)).toEqual(["id", ...Object.keys(shown)]);
  });

  it("count for the size of a delivery: a message that is too large with them is rejected", async () => {
    const { did, key } = didKey();
    const [erin, bob] = [await agent(did), await agent(BOB)];
    const signed = async (length: number): Promise<object> => {
      const credentials = await Promise.all(
        [1, 2, 3].map((n) =>
          signCredential(
            {
              "@context": ["https://www.w3.org/ns/credentials/v2"],
              id: `urn:uuid:${n}`,
              type: ["VerifiableCredential"],
              issuer: did,
              credentialSubject: { id: did, text: "語".repeat(length) },
            },
            { key, format: "json" },
          ),
        ),
      );
      return attachment(await signPresentation(credentials, { holder: did, key, format: "json", nonce: "1", audience: BOB }));
    };
    expect(await erin.send(message("1", [await signed(250_000)], { from: did }))).toMatchObject({
      status: "error",
      response: { reason: expect.stringContaining("the limit is 4194304") as string, code: "e.p.msg.too-large" },
    });
    expect(await erin.send(message("1", [await signed(200_000)], { from: did }))).toEqual(OK);
    expect((await bob.receive()).plaintext["id"]).toBe("1");
  });

  it("may be base64url in the attachment, and several", async () => {
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const other = await credential({
      id: "urn:uuid:0",
      type: ["VerifiableCredential", "TraderCredential"],
      validUntil: "2099-01-01T00:00:00Z",
    });
    const signed = await presentation({ credentials: [await credential(), other] });
    await alice.send(message("1", [{ format: "sender_presentation/1", data: { base64: Buffer.from(signed).toString("base64url") } }]));
    expect((await bob.receive()).context["sender_credentials"]).toEqual([
      SEEN,
      { ...SEEN, id: "urn:uuid:0", type: ["VerifiableCredential", "TraderCredential"], valid_until: "2099-01-01T00:00:00Z" },
    ]);
  });

  it("reach all recipients that the presentation is for", async () => {
    const [alice, bob, carol] = [await agent(ALICE), await agent(BOB), await agent(CAROL)];
    const signed = await presentation({ audience: [BOB, CAROL] });
    expect(await alice.send(message("1", [attachment(signed)], { to: [BOB, CAROL] }))).toEqual(OK);
    expect((await bob.receive()).context["sender_credentials"]).toEqual([SEEN]);
    expect((await carol.receive()).context["sender_credentials"]).toEqual([SEEN]);
  });

  it("wait with the message for a recipient without a connection, over a restart of the node", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "sender-credentials-"));
    try {
      await start({ dataDir });
      (await agent(BOB)).close();
      const alice = await agent(ALICE);
      expect(await alice.send(message("1", [attachment(await presentation())]))).toMatchObject({ status: "ok" });
      await start({ dataDir });
      expect((await (await agent(BOB)).receive()).context["sender_credentials"]).toEqual([SEEN]);
    } finally {
      await node.close();
      await rm(dataDir, { recursive: true });
    }
  });

  it("don't change the order of a sender's messages", async () => {
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const signed = await presentation();
    const sent = [message("1", [attachment(signed)]), message("2"), message("3"), message("4")];
    for (const each of sent) alice.client.send([null, null, alice.topic, "message", each]);
    const received = [await bob.receive(), await bob.receive(), await bob.receive(), await bob.receive()];
    expect(received.map(({ plaintext }) => plaintext["id"])).toEqual(["1", "2", "3", "4"]);
    expect(received.map(({ context }) => context["sender_credentials"])).toEqual([[SEEN], [], [], []]);
  });

  it("are absent if a presentation is for the agent itself", async () => {
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const own = { media_type: "application/vp+jwt", data: { json: await presentation({ nonce: "something else" }) } };
    expect(await alice.send(message("1", [own]))).toEqual(OK);
    expect((await bob.receive()).context["sender_credentials"]).toEqual([]);
  });

  it.each<[string, () => Promise<readonly object[]>, string]>([
    ["for another message", async () => [attachment(await presentation({ nonce: "2" }))], "nonce_mismatch"],
    ["for another recipient", async () => [attachment(await presentation({ audience: CAROL }))], "audience_mismatch"],
    ["of another holder", async () => [attachment(await presentation({ holder: CAROL }))], "holder_mismatch"],
    [
      "with a credential about another",
      async () => [attachment(await presentation({ credentials: [await credential({ credentialSubject: { id: CAROL } })] }))],
      "subject_mismatch",
    ],
    [
      "with a credential that is no longer valid",
      async () => [attachment(await presentation({ credentials: [await credential({ validUntil: "2026-01-02T00:00:00Z" })] }))],
      "expired",
    ],
    ["with a changed signature", async () => [attachment((await presentation()).replace(/.{6}$/, "AAAAAA"))], "signature_invalid"],
    ["that is invalid", async () => [attachment("nonsense")], "malformed"],
    ["that is a credential", async () => [attachment(await credential())], "typ_invalid"],
    ["that is not a string", async () => [attachment({ a: 1 })], "needs the signed presentation"],
    ["in addition to a second one", async () => [attachment(await presentation()), attachment(await presentation())], "at most one"],
  ])("are refused when the presentation is one %s", async (_, attachments, why) => {
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const reply = await alice.send(message("1", await attachments()));
    expect(reply).toMatchObject({
      status: "error",
      response: { code: "e.p.trust.presentation", reason: expect.stringContaining(why) as string },
    });
    expect(await alice.send(message("2"))).toEqual(OK);
    expect((await bob.receive()).plaintext["id"]).toBe("2");
  });
});

describe("a policy that requires credentials", () => {
  const policy = { did: BOB, protocols: [ORDER], credentials: [EMPLOYEE] };

  it("accepts a sender that presents them", async () => {
    await start({ policies: [policy] });
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    expect(await alice.send(message("1", [attachment(await presentation())]))).toEqual(OK);
    expect((await bob.receive()).context).toMatchObject({ authorized: true, sender_credentials: [SEEN] });
  });

  it.each<[string, () => Promise<readonly object[] | undefined>]>([
    ["nothing", async () => undefined],
    ["another type", async () => [attachment(await presentation({ credentials: [await credential({ type: ["VerifiableCredential"] })] }))]],
    ["one that it issued itself", async () => [attachment(await presentation({ credentials: [await credential({}, ALICE)] }))]],
  ])("answers a sender that presents %s with a problem report that names what is missing", async (_, attachments) => {
    await start({ policies: [policy] });
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    expect(await alice.send(message("1", await attachments()))).toEqual(OK);
    const { plaintext } = await alice.receive();
    expect(plaintext).toMatchObject({
      type: "https://didcomm.org/report-problem/2.0/problem-report",
      from: BOB,
      to: [ALICE],
      thid: "1",
      pthid: "1",
      body: {
        code: "e.m.authz.denied",
        comment: `${BOB} takes ${ORDER}/create only from senders that present: EmployeeCredential from ${ISSUER}`,
        args: [BOB, `${ORDER}/create`, `EmployeeCredential from ${ISSUER}`],
        missing: [EMPLOYEE],
      },
    });
    const signed = await presentation({ nonce: "2" });
    await alice.send(message("2", [attachment(signed)]));
    expect((await bob.receive()).plaintext["id"]).toBe("2");
  });

  it("that is not enforced delivers the message as not authorized", async () => {
    await start({ policies: [{ ...policy, enforce: false }] });
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    await alice.send(message("1"));
    await alice.send(message("2", [attachment(await presentation({ nonce: "2" }))]));
    expect((await bob.receive()).context["authorized"]).toBe(false);
    expect((await bob.receive()).context["authorized"]).toBe(true);
  });

  it("rejects a message for all recipients if one of them requires missing credentials", async () => {
    await start({ policies: [policy] });
    const [alice, bob, carol] = [await agent(ALICE), await agent(BOB), await agent(CAROL)];
    expect(await alice.send(message("1", undefined, { to: [CAROL, BOB] }))).toEqual(OK);
    expect((await alice.receive()).plaintext["from"]).toBe(BOB);
    await alice.send(message("2", undefined, { to: [CAROL] }));
    expect((await carol.receive()).plaintext["id"]).toBe("2");
    await alice.send(message("3", [attachment(await presentation({ nonce: "3" }))]));
    expect((await bob.receive()).plaintext["id"]).toBe("3");
  });
});
