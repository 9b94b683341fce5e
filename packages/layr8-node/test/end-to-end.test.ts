import { request } from "node:http";
import type { JsonObject } from "@parley/core";
import { agentJwks, agentKids, END_TO_END_PROTOCOL, pack, WRAPPER_TYPE } from "@parley/didcomm-crypto";
import { temporaryDirectory } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode } from "../src/node.ts";
import type { Layr8Node } from "../src/layr8-node.ts";
import type { NodeOptions } from "../src/options.ts";
import { createKeys, envelope, statement, wrapper, type Keys } from "./agent-keys.ts";
import { didKey } from "./did-key.ts";
import { RawAgent } from "./raw-agent.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const ALICE = "did:web:node.localhost:alice";
const BOB = "did:web:node.localhost:bob";
/** An agent of another node. */
const REMOTE = "did:web:other.localhost:alice";
const PLAIN = "did:web:node.localhost:plain";
const ENCRYPTED = "application/didcomm-encrypted+json";

let node: Layr8Node;
let agents: RawAgent[];

async function start(options: NodeOptions = {}): Promise<void> {
  node = await startNode({ port: 0, domain: "node.localhost", logger: false, ...options });
}

async function join(did: string, keys: object | undefined, more: object = {}): Promise<RawAgent> {
  const agent = await RawAgent.join(node, {
    did,
    protocols: keys === undefined ? [ECHO] : [END_TO_END_PROTOCOL],
    replyProtocol: true,
    capabilities: ["early_delivery/1", "answer_ack/1"],
    didSpec: { ...(keys !== undefined && { keys }), ...more },
  });
  agents.push(agent);
  return agent;
}

const joinWith = (did: string, keys: Keys): Promise<RawAgent> => join(did, { proof: statement(did, keys) });

async function post(body: string): Promise<{ readonly status: number; readonly code: unknown }> {
  const response = await fetch(`${node.httpUrl}/didcomm`, { method: "POST", headers: { "content-type": ENCRYPTED }, body });
  const text = await response.text();
  return { status: response.status, code: text === "" ? undefined : (JSON.parse(text) as JsonObject)["code"] };
}

/** Id of the first signing key in the published document of a DID. */
async function signingKeyOf(did: string): Promise<string | undefined> {
  const name = did.slice(did.lastIndexOf(":") + 1);
  const document = await documentOf(name);
  const { authentication } = JSON.parse(document) as { authentication?: string[] };
  return authentication?.[0];
}

beforeEach(async () => {
  agents = [];
  await start();
});

afterEach(async () => {
  for (const agent of agents) agent.close();
  await node.close();
});

describe("an agent that joins with keys of its own", () => {
  it.each<[string, (keys: Keys) => object, string]>([
    ["no proof", () => ({}), "did_spec.keys needs a proof"],
    ["a proof that is not a statement", () => ({ proof: "{}" }), "e.join.keys.invalid"],
    ["a proof of another key", (keys) => ({ proof: statement(BOB, keys, {}, createKeys()) }), "e.join.keys.invalid"],
    ["a proof for another DID", (keys) => ({ proof: statement(ALICE, keys) }), "e.join.keys.invalid"],
    ["an old proof", (keys) => ({ proof: statement(BOB, keys, { madeAt: Date.now() - 3_600_000 }) }), "e.join.keys.stale"],
    ["a proof of the future", (keys) => ({ proof: statement(BOB, keys, { madeAt: Date.now() + 3_600_000 }) }), "e.join.keys.stale"],
    ["too many rotations", (keys) => ({ proof: statement(BOB, keys), rotations: Array.from({ length: 17 }, () => "{}") }), "did_spec.keys"],
    ["a rotation that is not a statement", (keys) => ({ proof: statement(BOB, keys), rotations: ["{}"] }), "e.join.keys.invalid"],
  ])("is refused with %s", async (_what, keys, reason) => {
    await expect(join(BOB, keys(createKeys()))).rejects.toThrow(reason);
    // The DID is not bound: it can still join.
    await joinWith(BOB, createKeys());
  });

  it("is refused without a DID, and as the child of another", async () => {
    const keys = { proof: statement(BOB, createKeys()) };
    await expect(join("", keys)).rejects.toThrow("e.join.keys.invalid");
    await join(PLAIN, undefined);
    const child = `${PLAIN}:child`;
    await expect(join(child, { proof: statement(child, createKeys()) }, { parentDid: PLAIN, storage: "ephemeral" })).rejects.toThrow(
      "e.join.keys.invalid",
    );
  });

  it("keeps its keys: neither other ones nor the node's take their place", async () => {
    const keys = createKeys();
    (await joinWith(BOB, keys)).close();
    await expect(joinWith(BOB, createKeys())).rejects.toThrow("e.join.keys.changed");
    await expect(join(BOB, undefined)).rejects.toThrow("e.join.keys.at-agent");
    await joinWith(BOB, keys);
    (await join(PLAIN, undefined)).close();
    await expect(joinWith(PLAIN, createKeys())).rejects.toThrow("e.join.keys.at-node");
    const replacing = createKeys();
    await join(PLAIN, { proof: statement(PLAIN, replacing) }, { mode: "Update" });
  });

  it("is refused for lack of rights before its keys are looked at", async () => {
    await node.close();
    await start({
      apiKeys: [
        { key: "a-key-of-bob-and-others", dids: "any" },
        { key: "a-key-of-somebody-else", dids: [PLAIN] },
      ],
    });
    const keys = createKeys();
    const proof = { proof: statement(BOB, keys) };
    agents.push(await RawAgent.join(node, { did: BOB, apiKey: "a-key-of-bob-and-others", didSpec: { keys: proof } }));
    for (const given of [proof, { proof: statement(BOB, createKeys()) }, undefined]) {
      const joining = RawAgent.join(node, { did: BOB, apiKey: "a-key-of-somebody-else", didSpec: { ...(given && { keys: given }) } });
      await expect(joining).rejects.toThrow(/unauthorized/);
    }
  });

  it("is the only one whose keys are published, also if others join as the same new DID in the same moment", async () => {
    await node.close();
    await using directory = await temporaryDirectory();
    await start({ dataDir: directory.path });
    for (let n = 0; n < 10; n++) {
      const did = `${BOB}${n}`;
      const candidates = Array.from({ length: 4 }, createKeys);
      const joins = candidates.map((keys, sequence) => join(did, { proof: statement(did, keys, { sequence }) }));
      const joined = await Promise.allSettled([...joins, join(did, undefined)]);
      const refused = joined.flatMap((each) => (each.status === "rejected" ? [String(each.reason)] : []));
      expect(refused).toHaveLength(4);
      for (const reason of refused) expect(reason).toMatch(/e\.join\.keys\.(?:changed|at-agent|at-node)/);
      const winner = candidates[joined.findIndex(({ status }) => status === "fulfilled")];
      expect(await signingKeyOf(did)).toBe(winner === undefined ? `${did}#signing` : agentKids(did, winner).signing);
    }
  });

  it("has no keys of the node in its document from the first moment on", async () => {
    await node.close();
    await using directory = await temporaryDirectory();
    await start({ dataDir: directory.path });
    for (let n = 0; n < 10; n++) {
      const did = `${ALICE}${n}`;
      const keys = createKeys();
      const joining = joinWith(did, keys);
      const hasJoined = joining.then(() => true);
      const hasNot = Promise.resolve(false);
      const seen = new Set<string | undefined>();
      do seen.add(await signingKeyOf(did));
      while (!(await Promise.race([hasJoined, hasNot])));
      seen.delete(undefined);
      expect([...seen]).toEqual([agentKids(did, keys).signing].slice(0, seen.size));
    }
  });

  it("as a did:key has the key of the DID, and no other", async () => {
    const { did } = didKey();
    await expect(join(did, { proof: statement(did, createKeys()) })).rejects.toThrow("e.join.keys.invalid");
  });

  it("has no keys at the node, which signs nothing in its name", async () => {
    await joinWith(BOB, createKeys());
    const response = await fetch(`${node.httpUrl}/api/v1/credentials/sign`, {
      method: "POST",
      headers: { "x-api-key": node.apiKey ?? "", "content-type": "application/json" },
      body: JSON.stringify({
        credential: {
          "@context": ["https://www.w3.org/ns/credentials/v2"],
          type: ["VerifiableCredential"],
          credentialSubject: { id: BOB },
        },
        issuer_did: BOB,
      }),
    });
    expect(await response.json()).toMatchObject({ code: "key_not_held" });
  });
});

describe("other keys of an agent", () => {
  it("are published with a rotation that the former key has signed", async () => {
    const [first, second] = [createKeys(), createKeys()];
    const bob = await joinWith(BOB, first);
    const rotation = statement(BOB, second, { sequence: 1, formerUntil: Date.now() + 60_000 }, first);
    const publish = (keys: object) => bob.client.push(bob.topic, "publish_keys", keys);
    const proof = statement(BOB, second, { sequence: 1 });
    expect(await publish({ proof, rotations: [] })).toMatchObject({ status: "error", response: { code: "e.join.keys.changed" } });
    expect(await publish({ proof, rotations: [statement(BOB, second, { sequence: 1 }, createKeys())] })).toMatchObject({ status: "error" });
    expect(await publish({ proof: statement(BOB, first, { sequence: 1 }), rotations: [rotation] })).toMatchObject({ status: "error" });
    expect(await publish({})).toMatchObject({ status: "error" });
    expect(await publish({ proof, rotations: [rotation] })).toEqual({ status: "ok", response: {} });
    // Again, and the former keys never.
    expect(await publish({ proof, rotations: [rotation] })).toEqual({ status: "ok", response: {} });
    await expect(joinWith(BOB, first)).rejects.toThrow("e.join.keys.changed");
    await join(BOB, { proof, rotations: [rotation] });
  });

  it("are not published for a DID whose keys the node holds", async () => {
    const plain = await join(PLAIN, undefined);
    expect(await plain.client.push(plain.topic, "publish_keys", { proof: statement(PLAIN, createKeys()) })).toMatchObject({
      status: "error",
    });
  });
});

describe("a message", () => {
  let keys: { alice: Keys; bob: Keys };
  let alice: RawAgent;
  let bob: RawAgent;
  let plain: RawAgent;

  beforeEach(async () => {
    keys = { alice: createKeys(), bob: createKeys() };
    alice = await joinWith(ALICE, keys.alice);
    bob = await joinWith(BOB, keys.bob);
    plain = await join(PLAIN, undefined);
  });

  it("between agents that hold their keys is delivered as it is", async () => {
    const sent = wrapper(ALICE, BOB, envelope(ALICE, keys.alice, BOB, keys.bob));
    expect(await alice.send(sent)).toEqual({ status: "ok", response: {} });
    expect((await bob.receive()).plaintext).toEqual(JSON.parse(JSON.stringify(sent)));
  });

  it("of an agent that holds its keys is refused in the clear", async () => {
    const message = { id: "1", type: `${ECHO}/request`, from: ALICE, to: [BOB], body: {} };
    expect(await alice.send(message)).toMatchObject({ status: "error", response: { code: "e.m.authz.not-encrypted" } });
    expect(await alice.send({ ...message, to: [PLAIN] })).toMatchObject({ status: "error", response: { code: "e.m.authz.not-encrypted" } });
  });

  it("with an envelope is refused of an agent whose keys the node holds", async () => {
    const sent = wrapper(PLAIN, BOB, envelope(PLAIN, keys.alice, BOB, keys.bob));
    expect(await plain.send(sent)).toMatchObject({ status: "error", response: { code: "e.m.authz.keys-at-node" } });
  });

  it("is refused if its envelope does not fit its headers", async () => {
    const sealed = envelope(ALICE, keys.alice, BOB, keys.bob);
    const sent = wrapper(ALICE, BOB, sealed);
    const refused = { status: "error", response: { reason: expect.stringContaining("malformed message") } };
    expect(await alice.send({ ...sent, to: [PLAIN] })).toMatchObject(refused);
    expect(await alice.send({ ...sent, to: [BOB, PLAIN] })).toMatchObject(refused);
    expect(await alice.send({ ...sent, attachments: [] })).toMatchObject(refused);
    expect(await alice.send(wrapper(ALICE, BOB, envelope(BOB, keys.bob, BOB, keys.bob)))).toMatchObject(refused);
    expect(
      await alice.send({ ...sent, attachments: [{ data: { json: { ...(JSON.parse(sealed) as JsonObject), protected: "e30" } } }] }),
    ).toMatchObject(refused);
    expect(await alice.send({ ...sent, from: BOB })).toMatchObject({ status: "error", response: { reason: "unauthorized" } });
  });

  it("of an agent whose keys the node holds is encrypted for one that holds them", async () => {
    expect(
      await plain.send({ id: "p", type: `${ECHO}/request`, from: PLAIN, to: [BOB], thid: "t", body: { secret: "for the recipient" } }),
    ).toMatchObject({ status: "ok" });
    const { plaintext } = await bob.receive();
    expect(plaintext).toMatchObject({ id: "p", type: WRAPPER_TYPE, from: PLAIN, to: [BOB], thid: "t" });
    expect(JSON.stringify(plaintext)).not.toContain("for the recipient");
    // The same message again is not stored again.
    await plain.send({ id: "p", type: `${ECHO}/request`, from: PLAIN, to: [BOB], thid: "t", body: { secret: "for the recipient" } });
    await plain.send({ id: "q", type: `${ECHO}/request`, from: PLAIN, to: [BOB], body: {} });
    expect((await bob.receive()).plaintext).toMatchObject({ id: "q" });
  });

  it("to an agent whose keys the node holds is decrypted, and refused if that fails", async () => {
    const document = await documentKeys(plain);
    const sealed = pack(JSON.stringify({ id: "inner", type: `${ECHO}/request`, from: ALICE, to: [PLAIN], body: { n: 1 } }), {
      from: { kid: agentKids(ALICE, keys.alice).agreement, privateKey: keys.alice.agreementKey },
      to: document,
    });
    expect(await alice.send(wrapper(ALICE, PLAIN, sealed))).toEqual({ status: "ok", response: {} });
    expect((await plain.receive()).plaintext).toMatchObject({ id: "inner", from: ALICE, body: { n: 1 } });
    const forged = pack(JSON.stringify({ id: "inner", type: `${ECHO}/request`, from: ALICE, to: [PLAIN], body: { n: 2 } }), {
      from: { kid: agentKids(ALICE, keys.alice).agreement, privateKey: createKeys().agreementKey },
      to: document,
    });
    expect(await alice.send(wrapper(ALICE, PLAIN, forged))).toMatchObject({ status: "error", response: { code: "e.p.msg.undecryptable" } });
  });

  it("posted for an agent that holds its keys is stored unread, once", async () => {
    const sealed = envelope(REMOTE, createKeys(), BOB, keys.bob);
    expect(await post(sealed)).toEqual({ status: 202, code: undefined });
    expect(await post(sealed)).toEqual({ status: 202, code: undefined });
    const { plaintext } = await bob.receive();
    expect(plaintext).toMatchObject({
      type: WRAPPER_TYPE,
      from: REMOTE,
      to: [BOB],
      attachments: [{ data: { json: JSON.parse(sealed) as JsonObject } }],
    });
    bob.reply(String(plaintext["id"]), "handled");
    await alice.send(wrapper(ALICE, BOB, envelope(ALICE, keys.alice, BOB, keys.bob)));
    expect((await bob.receive()).plaintext).toMatchObject({ id: "outer" });
  });

  it.each([
    ["holds its keys", ALICE],
    ["does not hold its keys", PLAIN],
  ])("posted in the name of an agent of the node that %s is refused, and not reported to it", async (_what, sender) => {
    expect(await post(envelope(sender, createKeys(), BOB, keys.bob))).toEqual({ status: 400, code: "bad_request" });
    await alice.send(wrapper(ALICE, BOB, envelope(ALICE, keys.alice, BOB, keys.bob)));
    expect((await bob.receive()).plaintext).toMatchObject({ id: "outer" });
  });

  it("posted without a sender, or malformed, is refused", async () => {
    const anonymous = pack(JSON.stringify({ id: "1", type: `${ECHO}/request`, to: [BOB], body: {} }), {
      from: "anonymous",
      to: { kid: agentKids(BOB, keys.bob).agreement, publicKey: agentJwks(keys.bob).agreement },
    });
    expect(await post(anonymous)).toEqual({ status: 403, code: "sender_required" });
    const { tag: _, ...cut } = JSON.parse(envelope(ALICE, keys.alice, BOB, keys.bob)) as JsonObject;
    expect(await post(JSON.stringify(cut))).toMatchObject({ status: 400 });
  });
});

/** The agreement key of an agent whose keys the node holds. */
async function documentKeys(agent: RawAgent): Promise<{ kid: string; publicKey: { kty: "OKP"; crv: "X25519"; x: string } }> {
  const text = await documentOf(agent.did.split(":").slice(3).join("/"));
  const document = JSON.parse(text) as {
    keyAgreement: [string];
    verificationMethod: { id: string; publicKeyJwk: { kty: "OKP"; crv: "X25519"; x: string } }[];
  };
  const [kid] = document.keyAgreement;
  const method = document.verificationMethod.find(({ id }) => id === kid);
  if (method === undefined) throw new Error("no key");
  return { kid, publicKey: method.publicKeyJwk };
}

/** The published document of an agent. @param path below the node's host. */
function documentOf(path: string): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const options = { host: "127.0.0.1", port: node.port, path: `/${path}/did.json`, headers: { host: "node.localhost" }, agent: false };
    request(options, (response) => {
      let body = "";
      response.on("data", (chunk) => (body += String(chunk))).on("end", () => resolve(body));
    })
      .on("error", reject)
      .end();
  });
}
