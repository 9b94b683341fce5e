import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "@parley/core";
import { BitstringStatusList, signCredential, type SigningKey } from "@parley/vc";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import type { Layr8Node } from "../src/layr8-node.ts";
import { startNode } from "../src/node.ts";
import type { NodeOptions } from "../src/options.ts";
import type { Policy } from "../src/routing/authorize/policy-options.ts";
import { didKey } from "./did-key.ts";
import { RawAgent } from "./raw-agent.ts";

const ORDER = "https://shop.example/orders/1.0";
const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const CAROL = "did:web:localhost:carol";
const MALLORY = "did:web:localhost:mallory";
const KEY = "a-key-that-may-bind-any-did";
const REPORT = "https://didcomm.org/report-problem/2.0/problem-report";
const OK = { status: "ok", response: {} };

interface Party {
  readonly did: string;
  readonly key: SigningKey;
}
const owner: Party = didKey();
const stranger: Party = didKey();

let node: Layr8Node;
let agents: RawAgent[] = [];

async function start(policies: readonly Policy[], options: NodeOptions = {}): Promise<void> {
  node = await startNode({ port: 0, logger: false, apiKeys: [{ key: KEY, dids: "any" }], policies, ...options });
}

async function agent(did: string): Promise<RawAgent> {
  const joined = await RawAgent.join(node, { did, protocols: [ORDER], apiKey: KEY });
  agents.push(joined);
  return joined;
}

afterEach(async () => {
  for (const joined of agents) joined.close();
  agents = [];
  await node.close();
});

interface Changes {
  readonly issuer?: Party;
  readonly key?: SigningKey;
  readonly subject?: JsonObject;
  readonly scope?: JsonObject;
  readonly members?: JsonObject;
}

/** A grant for Alice to create orders at Bob, which the owner has signed, with changes. */
function grant({ issuer = owner, key = issuer.key, subject = {}, scope = {}, members = {} }: Changes = {}): Promise<string> {
  const credential = {
    "@context": ["https://www.w3.org/ns/credentials/v2", "https://layr8.io/contexts/grant/v1"],
    id: "urn:uuid:7a1676b8-b51f-11ed-937b-d76685a20ff5",
    type: ["VerifiableCredential", "VerifiableGrant"],
    issuer: issuer.did,
    credentialSubject: { id: ALICE, scope: [{ protocol: ORDER, messageTypes: ["create"], resource: BOB, ...scope }], ...subject },
    ...members,
  };
  return signCredential(credential, { key });
}

/** As layr8's SDKs attach it. */
function attachment(signed: string, id = "grant"): object {
  return { id, media_type: "application/vc+jwt", data: { jws: signed } };
}

function message(id: string, attachments: readonly object[] = [], more: object = {}): object {
  return { id, type: `${ORDER}/create`, from: ALICE, to: [BOB], body: {}, ...(attachments.length > 0 && { attachments }), ...more };
}

interface Denial {
  readonly reason: string;
  readonly grants: readonly { readonly attachment: string; readonly code: string; readonly detail: string }[];
}

/** The decision in the next problem report that an agent receives, which must be about this message. */
async function denialOf(sender: RawAgent, id: string): Promise<Denial> {
  const { plaintext } = await sender.receive();
  expect(plaintext).toMatchObject({ type: REPORT, from: BOB, pthid: id, body: { code: "e.m.authz.denied" } });
  expect(plaintext).not.toHaveProperty("thid");
  const [decision] = plaintext["attachments"] as [{ data: { json: Denial } }];
  expect(decision).toMatchObject({
    id: "helix-decision",
    media_type: "application/json",
    lastmod_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
    data: { json: { allow: false, resource: BOB, type: `${ORDER}/create` } },
  });
  return decision.data.json;
}

const POLICY: Policy = { did: BOB, protocols: [ORDER], grantIssuers: [owner.did] };

describe("a policy with issuers of grants", () => {
  it.each([
    ["data.jws", (signed: string) => attachment(signed)],
    [
      "data.base64",
      (signed: string) => ({ media_type: "application/vc+jwt", data: { base64: Buffer.from(signed).toString("base64url") } }),
    ],
  ])("accepts a message with a grant in %s, and the recipient gets it unchanged", async (_, attach) => {
    await start([POLICY]);
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const sent = message("1", [attach(await grant())]);
    expect(await alice.send(sent)).toEqual(OK);
    const { context, plaintext } = await bob.receive();
    expect(plaintext).toEqual(sent);
    expect(context).toMatchObject({ authorized: true });
  });

  it("denies a message without a grant with a report that names the issuers", async () => {
    await start([POLICY]);
    const alice = await agent(ALICE);
    await agent(BOB);
    expect(await alice.send(message("1", [], { thid: "thread" }))).toEqual(OK);
    expect(await denialOf(alice, "thread")).toEqual({
      allow: false,
      reason: "no_grant",
      resource: BOB,
      type: `${ORDER}/create`,
      issuers: [owner.did],
      grants: [],
    });
  });

  it("accepts senders of allow without a grant, and denies those of deny with one", async () => {
    await start([{ ...POLICY, allow: [CAROL], deny: [ALICE] }]);
    const [alice, bob, carol] = [await agent(ALICE), await agent(BOB), await agent(CAROL)];
    expect(await alice.send(message("1", [attachment(await grant())]))).toMatchObject({ response: { code: "e.m.authz.denied" } });
    expect(await carol.send(message("2", [], { from: CAROL }))).toEqual(OK);
    expect((await bob.receive()).plaintext["id"]).toBe("2");
  });

  it("can trust the recipient itself", async () => {
    await start([{ did: "did:web:localhost:*", protocols: [ORDER], grantIssuers: ["recipient"] }]);
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const sign = async (issuer: string): Promise<string> => {
      const response = await fetch(`${node.httpUrl}/api/v1/credentials/sign`, {
        method: "POST",
        headers: { "x-api-key": KEY, "content-type": "application/json" },
        body: JSON.stringify({
          issuer_did: issuer,
          credential: {
            "@context": ["https://www.w3.org/ns/credentials/v2"],
            type: ["VerifiableCredential", "VerifiableGrant"],
            credentialSubject: { id: ALICE, scope: [{ protocol: "*", messageTypes: ["*"] }] },
          },
        }),
      });
      return ((await response.json()) as { signed_credential: string }).signed_credential;
    };
    await alice.send(message("1", [attachment(await sign(CAROL))]));
    expect((await denialOf(alice, "1")).grants).toMatchObject([{ code: "issuer_not_trusted" }]);
    await alice.send(message("2", [attachment(await sign(BOB))]));
    expect((await bob.receive()).plaintext["id"]).toBe("2");
  });

  it("decides for each recipient, and all get the message or none", async () => {
    await start([{ ...POLICY, did: "*" }]);
    const [alice, bob, carol] = [await agent(ALICE), await agent(BOB), await agent(CAROL)];
    const forBob = attachment(await grant());
    const forCarol = attachment(await grant({ scope: { resource: CAROL } }), "carol");
    await alice.send(message("1", [forCarol], { to: [CAROL, BOB] }));
    expect((await denialOf(alice, "1")).grants).toMatchObject([{ attachment: "carol", code: "resource_not_covered" }]);
    expect(await alice.send(message("2", [forCarol, forBob], { to: [CAROL, BOB] }))).toEqual(OK);
    expect((await bob.receive()).plaintext["id"]).toBe("2");
    expect((await carol.receive()).plaintext["id"]).toBe("2");
  });

  it("that is not enforced delivers the message as not authorized", async () => {
    await start([{ ...POLICY, enforce: false }]);
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    await alice.send(message("1"));
    await alice.send(message("2", [attachment(await grant())]));
    expect((await bob.receive()).context["authorized"]).toBe(false);
    expect((await bob.receive()).context["authorized"]).toBe(true);
  });

  it("keeps the order of a sender's messages while a grant is verified", async () => {
    await start([{ ...POLICY, allow: [] }, { did: CAROL }]);
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const signed = await Promise.all(["a", "b", "c"].map((id) => grant({ members: { id: `urn:x:${id}` } })));
    const sent = [0, 1, 0, 2, 1].map((which, index) => message(String(index), [attachment(signed[which] ?? "")]));
    for (const each of sent) alice.client.send([null, null, alice.topic, "message", each]);
    for (const id of ["0", "1", "2", "3", "4"]) expect((await bob.receive()).plaintext["id"]).toBe(id);
  });

  it("accepts more messages at once than one sender may have verified at once, if they have the same grant", async () => {
    await start([{ ...POLICY, allow: [] }], { limits: { maxVerifications: 4 } });
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const attachments = [attachment(await grant())];
    const ids = Array.from({ length: 64 }, (_, index) => String(index));
    for (const id of ids) alice.client.send([null, id, alice.topic, "message", message(id, attachments)]);
    for (const id of ids) expect((await bob.receive()).plaintext["id"]).toBe(id);
  });

  it("verifies the grants of many messages one after the other, if each has its own", async () => {
    await start([{ ...POLICY, allow: [] }], { limits: { maxVerifications: 4 } });
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const ids = Array.from({ length: 32 }, (_, index) => String(index));
    const signed = await Promise.all(ids.map((id) => grant({ members: { id: `urn:x:${id}` } })));
    for (const [index, id] of ids.entries()) {
      alice.client.send([null, id, alice.topic, "message", message(id, [attachment(signed[index] ?? "")])]);
    }
    for (const id of ids) expect((await bob.receive()).plaintext["id"]).toBe(id);
  });
});

describe("a grant that must not permit a message", () => {
  const at = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();

  it.each<[attack: string, code: string, make: () => Promise<string>]>([
    ["a stranger issued it", "issuer_not_trusted", () => grant({ issuer: stranger })],
    [
      "a stranger signed it in the owner's name",
      "issuer_mismatch",
      () => grant({ key: stranger.key, members: { issuer: stranger.did } }).then((signed) => withClaims(signed, { issuer: owner.did })),
    ],
    [
      "its scope was widened after signing",
      "signature_invalid",
      async () =>
        withClaims(await grant({ scope: { resource: CAROL } }), {
          credentialSubject: { id: ALICE, scope: [{ protocol: "*", messageTypes: ["*"] }] },
        }),
    ],
    ["it belongs to another DID", "holder_mismatch", () => grant({ subject: { id: CAROL } })],
    [
      "it was changed to the sender's name after signing",
      "signature_invalid",
      async () =>
        withClaims(await grant({ subject: { id: CAROL } }), {
          credentialSubject: { id: ALICE, scope: [{ protocol: ORDER, messageTypes: ["create"], resource: BOB }] },
        }),
    ],
    ["it has a rego constraint", "constraint_not_supported", () => grant({ subject: { constraints: { rego: "allow = true" } } })],
    [
      "it has constraints on the sender's credentials",
      "constraint_not_supported",
      () => grant({ subject: { constraints: { senderCredentials: [{ type: "Employee" }] } } }),
    ],
    ["it has expired", "expired", () => grant({ members: { validFrom: at(-2), validUntil: at(-1) } })],
    ["it is not valid yet", "not_yet_valid", () => grant({ members: { validFrom: at(1) } })],
    ["it is for another resource", "resource_not_covered", () => grant({ scope: { resource: CAROL } })],
    ["it is for a resource whose name begins the same", "resource_not_covered", () => grant({ scope: { resource: BOB.slice(0, -1) } })],
    ["it is for another protocol", "protocol_not_covered", () => grant({ scope: { protocol: `${ORDER}0` } })],
    ["it is for another message", "message_type_not_covered", () => grant({ scope: { messageTypes: ["cancel"] } })],
    ["it has no scope", "grant_invalid", () => grant({ subject: { scope: [] } })],
    ["it is not a grant", "not_a_grant", () => grant({ members: { type: ["VerifiableCredential"] } })],
    ["it is not a credential", "malformed", async () => "nonsense"],
    ["it is an unsecured JWT", "alg_not_allowed", async () => withClaims(await grant(), {}, { alg: "none", typ: "vc+jwt" })],
    ["it is too large", "too_large", async () => "a".repeat(16 * 1024 + 1)],
    [
      "its status can't be looked up at its issuer",
      "status_invalid",
      () =>
        grant({
          members: {
            credentialStatus: {
              type: "BitstringStatusListEntry",
              statusPurpose: "revocation",
              statusListIndex: "-1",
              statusListCredential: "https://x.example/1",
            },
          },
        }),
    ],
  ])("is refused when %s: %s", async (_, code, make) => {
    await start([POLICY]);
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    expect(await alice.send(message("1", [attachment(await make())]))).toEqual(OK);
    expect(await denialOf(alice, "1")).toMatchObject({ reason: "grant_not_applicable", grants: [{ attachment: "grant", code }] });
    await alice.send(message("2", [attachment(await grant())]));
    expect((await bob.receive()).plaintext["id"]).toBe("2");
  });

  it("is refused from another sender that has copied it, also while it is cached", async () => {
    await start([POLICY]);
    const [alice, bob, mallory] = [await agent(ALICE), await agent(BOB), await agent(MALLORY)];
    const copied = attachment(await grant());
    for (const id of ["1", "2"]) {
      await alice.send(message(id, [copied]));
      expect((await bob.receive()).plaintext["id"]).toBe(id);
    }
    await mallory.send(message("3", [copied], { from: MALLORY }));
    expect((await denialOf(mallory, "3")).grants).toMatchObject([{ code: "holder_mismatch" }]);
  });

  it("is refused once its issuer has withdrawn it, also when it was accepted before", async () => {
    const lists = createServer((_, response) => void published().then((list) => response.end(list)));
    await new Promise<void>((resolve) => lists.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      lists.closeAllConnections();
      return new Promise((resolve) => lists.close(() => resolve()));
    });
    const id = `http://localhost:${(lists.address() as AddressInfo).port}/1`;
    const list = BitstringStatusList.create({ id, statusPurpose: "revocation" });
    let fetches = 0;
    async function published(): Promise<string> {
      fetches++;
      return signCredential(await list.toCredential({ issuer: owner.did }), { key: owner.key });
    }
    await start([POLICY], { resolution: { allow: ["loopback"], httpForLoopback: true, cacheTtlMs: 500 } });
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const withdrawn = attachment(await grant({ members: { credentialStatus: list.statusEntry(3) } }));
    await alice.send(message("first", [withdrawn]));
    expect((await bob.receive()).plaintext["id"]).toBe("first");
    expect(fetches).toBe(1);
    list.set(3, true);
    let sent = 0;
    const codes: string[] = [];
    const denials = (async () => void codes.push(...(await alice.receive().then(({ plaintext }) => codesOf(plaintext)))))();
    await expect
      .poll(
        async () => {
          await alice.send(message(`again-${sent++}`, [withdrawn]));
          return codes;
        },
        { timeout: 20_000, interval: 50 },
      )
      .toEqual(["revoked"]);
    await denials;
  });

  it.each(["suspended", "revoked"])("of an issuer on this node is refused as soon as it is %s", async (status) => {
    const issuer = "did:web:localhost:owner";
    await start([{ ...POLICY, grantIssuers: [issuer] }]);
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const scope = [{ protocol: ORDER, messageTypes: ["create"], resource: BOB }];
    const credential = { "@context": ["https://www.w3.org/ns/credentials/v2"], type: ["VerifiableCredential", "VerifiableGrant"] };
    const [withdrawn, other] = await Promise.all(
      [1, 2].map(async () => {
        const body = { issuer_did: issuer, revocable: true, credential: { ...credential, credentialSubject: { id: ALICE, scope } } };
        return String((await post("sign", body))["signed_credential"]);
      }),
    );
    for (const signed of [withdrawn, other]) {
      await alice.send(message(`before-${signed === other}`, [attachment(signed ?? "")]));
      await bob.receive();
    }
    expect(await post("status", { issuer_did: issuer, signed_credential: withdrawn, status })).toEqual({ status });
    await alice.send(message("after", [attachment(withdrawn ?? "")]));
    expect((await denialOf(alice, "after")).grants).toMatchObject([{ code: status }]);
    await alice.send(message("another", [attachment(other ?? "")]));
    expect((await bob.receive()).plaintext["id"]).toBe("another");
  });

  it("is refused when its status can't be fetched now, and the sender is told to try again", async () => {
    await start([POLICY]);
    const alice = await agent(ALICE);
    await agent(BOB);
    const credentialStatus = {
      type: "BitstringStatusListEntry",
      statusPurpose: "revocation",
      statusListIndex: "1",
      statusListCredential: "https://unknown.invalid/1",
    };
    expect(await alice.send(message("1", [attachment(await grant({ members: { credentialStatus } }))]))).toMatchObject({
      status: "error",
      response: { code: "e.p.me.res.net", reason: expect.stringContaining("send it again later") as string },
    });
  });

  it("is explained to the operator", async () => {
    const adminToken = "an-admin-token-for-tests";
    await start([POLICY], { adminPort: 0, adminToken });
    await Promise.all([agent(ALICE), agent(BOB)]);
    const passage = async (...grants: readonly string[]): Promise<unknown> => {
      const query = new URLSearchParams({ from: ALICE, to: BOB, type: `${ORDER}/create`, grants: grants.join(" ") });
      const url = new URL(`/api/read/node/passage?${query.toString()}`, node.adminUrl);
      return (await fetch(url, { headers: { authorization: `Bearer ${adminToken}` } })).json();
    };
    expect(await passage()).toMatchObject({ passes: false });
    const expired = await grant({ members: { validUntil: at(-1) } });
    expect(await passage(await grant({ scope: { messageTypes: [] } }), expired)).toMatchObject({
      passes: false,
      steps: expect.arrayContaining([
        expect.objectContaining({ step: `Policy 1 (for ${BOB})`, status: "stop" }),
        expect.objectContaining({ step: "Grant 1", found: expect.stringContaining("(message_type_not_covered)") as string }),
        expect.objectContaining({ step: "Grant 2", found: expect.stringContaining("(expired)") as string }),
      ]) as unknown[],
    });
    expect(await passage(expired, await grant())).toMatchObject({ passes: true });
  });

  it("is explained with all others that are attached, up to a limit", async () => {
    await start([POLICY]);
    const [alice, bob] = [await agent(ALICE), await agent(BOB)];
    const wrong = attachment(await grant({ scope: { resource: CAROL } }), "wrong");
    const right = attachment(await grant(), "right");
    await alice.send(message("1", [...Array.from({ length: 32 }, () => wrong), right]));
    const { grants } = await denialOf(alice, "1");
    expect(grants).toHaveLength(33);
    expect(grants.at(-1)).toMatchObject({ attachment: "right", code: "too_many" });
    await alice.send(message("2", [...Array.from({ length: 31 }, () => wrong), right]));
    expect((await bob.receive()).plaintext["id"]).toBe("2");
  });
});

describe("a grant that was derived from another one", () => {
  const HELPER = `${ALICE}:helper`;
  const at = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();

  /** A grant that Alice's node signs in her name. */
  async function derived(origin: string, { holder = HELPER, scope = {}, ...delegation }: JsonObject = {}): Promise<string> {
    const signed = await post("sign", {
      issuer_did: ALICE,
      credential: {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        id: "urn:uuid:8a1676b8-b51f-11ed-937b-d76685a20ff5",
        type: ["VerifiableCredential", "VerifiableGrant"],
        credentialSubject: {
          id: holder,
          scope: [{ protocol: ORDER, messageTypes: ["create"], ...(scope as JsonObject) }],
          delegation: { parentCapability: "urn:uuid:7a1676b8-b51f-11ed-937b-d76685a20ff5", parentCredential: origin, ...delegation },
        },
      },
    });
    return String(signed["signed_credential"]);
  }

  it("permits what both permit, to its own holder", async () => {
    await start([POLICY]);
    const [helper, alice, bob] = [await agent(HELPER), await agent(ALICE), await agent(BOB)];
    const signed = attachment(await derived(await grant()));
    for (const id of ["1", "2"]) {
      expect(await helper.send(message(id, [signed], { from: HELPER }))).toEqual(OK);
      expect((await bob.receive()).plaintext["id"]).toBe(id);
    }
    await alice.send(message("3", [signed]));
    expect((await denialOf(alice, "3")).grants).toMatchObject([{ code: "holder_mismatch" }]);
  });

  it.each<[attack: string, code: string, make: () => Promise<string>]>([
    ["its own scope is narrower", "message_type_not_covered", async () => derived(await grant(), { scope: { messageTypes: ["cancel"] } })],
    [
      "the scope before is narrower",
      "message_type_not_covered",
      async () => derived(await grant({ scope: { messageTypes: ["cancel"] } }), { scope: { messageTypes: ["*"] } }),
    ],
    [
      "the one before has a constraint",
      "constraint_not_supported",
      async () => derived(await grant({ subject: { constraints: { rego: "allow = true" } } })),
    ],
    ["the one before belongs to another DID", "grant_invalid", async () => derived(await grant({ subject: { id: CAROL } }))],
    ["the one before has another id", "grant_invalid", async () => derived(await grant({ members: { id: "urn:x:other" } }))],
    ["the one before is missing", "grant_invalid", async () => derived("", {})],
    ["the one before has expired", "expired", async () => derived(await grant({ members: { validFrom: at(-2), validUntil: at(-1) } }))],
    ["a stranger issued the one before", "issuer_not_trusted", async () => derived(await grant({ issuer: stranger }))],
    [
      "the one before was widened after signing",
      "signature_invalid",
      async () =>
        derived(
          withClaims(await grant({ scope: { resource: CAROL } }), {
            credentialSubject: { id: ALICE, scope: [{ protocol: "*", messageTypes: ["*"] }] },
          }),
        ),
    ],
    ["its holder is not below its issuer", "grant_invalid", async () => derived(await grant(), { holder: `${CAROL}:helper` })],
    [
      "it was changed after signing",
      "signature_invalid",
      async () =>
        withSubject(await derived(await grant(), { scope: { messageTypes: ["cancel"] } }), {
          scope: [{ protocol: "*", messageTypes: ["*"] }],
        }),
    ],
    [
      "its delegation was removed after signing",
      "issuer_not_trusted",
      async () => withSubject(await derived(await grant()), { delegation: null }),
    ],
  ])("is refused when %s: %s", async (_, code, make) => {
    await start([POLICY]);
    const [helper] = [await agent(HELPER), await agent(BOB)];
    expect(await helper.send(message("1", [attachment(await make())], { from: HELPER }))).toEqual(OK);
    expect((await denialOf(helper, "1")).grants).toMatchObject([{ code }]);
  });
});

/** A call of the REST API about credentials, which must succeed. */
async function post(call: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${node.httpUrl}/api/v1/credentials/${call}`, {
    method: "POST",
    headers: { "x-api-key": KEY, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

function withSubject(signed: string, members: JsonObject): string {
  const payload = JSON.parse(Buffer.from(signed.split(".")[1] ?? "", "base64url").toString()) as { credentialSubject: JsonObject };
  return withClaims(signed, { credentialSubject: { ...payload.credentialSubject, ...members } });
}

function codesOf(report: Record<string, unknown>): string[] {
  const [decision] = report["attachments"] as [{ data: { json: Denial } }];
  return decision.data.json.grants.map(({ code }) => code);
}

/** A token with other claims or another header, and the signature of before. */
function withClaims(signed: string, claims: JsonObject, header?: JsonObject): string {
  const [head = "", payload = "", signature = ""] = signed.split(".");
  const read = JSON.parse(Buffer.from(payload, "base64url").toString()) as JsonObject;
  const write = (value: JsonObject): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return [header === undefined ? head : write(header), write({ ...read, ...claims }), signature].join(".");
}
