import { describeUnless } from "@parley/test-assertions";
import { Client, identityAttachment, type Config, type InboundMessage, type SDKError } from "layr8";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DoubleNode, missingPython, type DoubleNodeOptions } from "../src/index.ts";
import { ECHO, KEY } from "./scene.ts";

const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const PARENT = "did:web:localhost:parent";

/** An unsigned token: a node of layr8 gives it to agents, which do not verify it. */
function tokenOf(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return [part({ alg: "EdDSA", typ: "vc+ld+jwt" }), part(claims), "c2ln"].join(".");
}
const grantOf = (id: string, holder: string, name = "request"): string =>
  tokenOf({
    id,
    type: ["VerifiableCredential", "VerifiableGrant"],
    issuer: "did:web:owner.example",
    credentialSubject: { id: holder, scope: [{ protocol: ECHO, messageTypes: [name] }] },
  });

describeUnless(missingPython(), "Parley's SDK on a node of layr8", () => {
  let node: DoubleNode;
  let clients: Client[];
  let errors: SDKError[];

  async function start(options: Partial<DoubleNodeOptions> = {}): Promise<void> {
    node = await DoubleNode.start({ apiKey: KEY, ...options });
  }

  function client(agentDid: string | undefined, config: Config = {}): Client {
    const did = agentDid === undefined ? {} : { agentDid };
    const made = new Client({ nodeUrl: node.url, apiKey: KEY, attachGrants: false, ...did, ...config }, (error) => void errors.push(error));
    clients.push(made);
    return made;
  }

  function echoing(did: string, config: Config = {}): Client {
    const made = client(did, config);
    made.handle(`${ECHO}/request`, ({ body }) => ({ type: `${ECHO}/response`, body }));
    return made;
  }

  beforeEach(() => {
    [clients, errors] = [[], []];
  });

  afterEach(async () => {
    await Promise.all(clients.map((made) => made.close()));
    await node.close();
  });

  it("joins, asks, answers, reports outcomes and leaves with frames that the node knows", async () => {
    await start();
    const bob = await echoing(BOB).connect();
    const alice = await client(ALICE).connect();
    expect((await alice.request({ type: `${ECHO}/request`, to: BOB, body: { n: 1 } })).body).toEqual({ n: 1 });
    expect(await node.event("dispatch_reply", ({ did }) => did === BOB)).toMatchObject({ status: "handled" });
    expect(await node.event("upgrade")).toMatchObject({ inQuery: false, inHeader: true });
    expect(await node.event("join")).toMatchObject({
      topic: `plugins:${BOB}`,
      payload: { reply_protocol: true, did_spec: { storage: "persistent" } },
    });
    await Promise.all([alice.close(), bob.close()]);
    for (const left of [ALICE, BOB]) expect(await node.event("leave", ({ did }) => did === left)).toEqual({ did: left });
    expect(errors).toEqual([]);
  });

  it.each<[what: string, capabilities: readonly string[]]>([
    ["no capabilities", []],
    ["others only", ["wildcard/1"]],
  ])("acknowledges with ack, before the handler, on a node with %s", async (_, capabilities) => {
    await start({ capabilities });
    await echoing(BOB).connect();
    const alice = await client(ALICE).connect();
    await alice.request({ type: `${ECHO}/request`, to: BOB, body: {} });
    expect(await node.event("ack", ({ did }) => did === BOB)).toMatchObject({ ids: [expect.any(String)] });
    expect(node.untaken("dispatch_reply")).toEqual([]);
  });

  it("tries the API key in the query on a node that knows it there only", async () => {
    await start({ keyInQuery: true });
    await client(ALICE).connect();
    expect(await node.event("upgrade")).toMatchObject({ inHeader: true, inQuery: false });
    expect(await node.event("upgrade")).toMatchObject({ inHeader: false, inQuery: true });
  });

  it("says pass for what no handler wants, and error for a handler that fails", async () => {
    await start();
    const bob = client(BOB);
    bob.handle(`${ECHO}/request`, () => {
      throw new Error("out of order");
    });
    await bob.connect();
    const alice = await client(ALICE).connect();
    await expect(alice.request({ type: `${ECHO}/request`, to: BOB, body: {} })).rejects.toMatchObject({ code: "e.p.xfer.cant-process" });
    expect(await node.event("dispatch_reply", ({ did }) => did === BOB)).toMatchObject({ status: "error" });
    await alice.send({ type: `${ECHO}/other`, to: BOB, body: {} });
    expect(await node.event("dispatch_reply", ({ did }) => did === BOB)).toMatchObject({ status: "pass" });
  });

  it("is assigned a DID, and keeps it over a reconnect", async () => {
    await start();
    const alice = await client(undefined).connect();
    expect(await node.event("join")).toMatchObject({ topic: "plugins:", payload: { did_spec: { storage: "ephemeral" } } });
    const { did } = alice;
    await node.call("kill");
    expect(await node.event("join")).toMatchObject({ topic: `plugins:${did}` });
  });

  it("joins every DID again after the node was away", async () => {
    await start();
    const bob = await echoing(BOB).connect();
    await bob.joinDid("did:web:localhost:shop", {
      handlers: { [`${ECHO}/request`]: ({ body }: InboundMessage) => ({ type: `${ECHO}/response`, body }) },
    });
    const alice = await client(ALICE).connect();
    await node.call("stop");
    await node.call("restart");
    for (const did of [BOB, "did:web:localhost:shop"]) {
      await expect
        .poll(
          async () =>
            (await alice.request({ type: `${ECHO}/request`, to: did, body: { did } }, { timeoutMs: 1000 }).catch(() => undefined))?.from,
        )
        .toBe(did);
    }
    await bob.leaveDid("did:web:localhost:shop");
    expect(await node.event("leave")).toEqual({ did: "did:web:localhost:shop" });
  });

  it("attaches the grants that the node stores, and takes a denial that has no thid", async () => {
    await start({ denies: `${ECHO}/forbidden` });
    const [first, second] = [grantOf("urn:x:1", ALICE), grantOf("urn:x:2", ALICE, "forbidden")];
    await node.call("store", { id: "1", holder_did: ALICE, credential_jwt: first });
    await node.call("store", { id: "2", holder_did: ALICE, credential_jwt: second });
    await echoing(BOB).connect();
    const misses: unknown[] = [];
    const alice = await client(ALICE, { attachGrants: true, onGrantMiss: (miss) => void misses.push(miss) }).connect();
    await alice.request({ type: `${ECHO}/request`, to: BOB, body: {} });
    const { plaintext } = await node.event("message", ({ did }) => did === ALICE);
    expect(plaintext).toMatchObject({ attachments: [{ id: "urn:x:1", media_type: "application/vc+jwt", data: { jws: first } }] });
    await expect(alice.request({ type: `${ECHO}/forbidden`, to: BOB, body: {} })).rejects.toMatchObject({ code: "e.m.authz.denied" });
    expect(misses).toEqual([]);
    const identity = tokenOf({ id: "urn:x:who", type: ["VerifiableCredential"], credentialSubject: { id: ALICE, name: "Alice" } });
    await alice.request({ type: `${ECHO}/request`, to: BOB, body: {}, attachments: [identityAttachment(identity)] });
    const sent = await node.event(
      "message",
      ({ did, plaintext: text }) => did === ALICE && (text as { type: string }).type === `${ECHO}/request`,
    );
    expect(sent["plaintext"]).toMatchObject({ attachments: [{ id: "urn:x:who" }, { id: "urn:x:1" }] });
    expect(await node.event("rest")).toMatchObject({ method: "GET", path: `/api/v1/credentials?holder_did=${encodeURIComponent(ALICE)}` });
  });

  it("sends without grants where they can't be read, and reports it", async () => {
    await start({ failing: ["/api/v1/credentials"], denies: `${ECHO}/request` });
    await echoing(BOB).connect();
    const misses: object[] = [];
    const alice = await client(ALICE, { attachGrants: true, onGrantMiss: (miss) => void misses.push(miss) }).connect();
    await expect(alice.request({ type: `${ECHO}/request`, to: BOB, body: {} })).rejects.toMatchObject({ code: "e.m.authz.denied" });
    expect(misses[0]).toHaveProperty("error");
  });

  describe("as a child", () => {
    const child = `${PARENT}:k7m2q9x4h3bd`;
    const entry = (name: string): object => ({
      id: `urn:x:${name}`,
      parent_capability: "urn:x:parent",
      credential_jwt: grantOf(`urn:x:${name}`, child),
    });
    const DELEGATES = ["reply_protocol/1", "wildcard/1", "ephemeral_delegation/1", "ephemeral_delegation_refresh/1"];

    it("asks for its parent's grants, and attaches those of the newest revision", async () => {
      await start({ capabilities: DELEGATES, delegated: [entry("first")] });
      await echoing(BOB).connect();
      const alice = client(child, { parentDid: PARENT, attachGrants: true });
      await alice.connect();
      expect(await node.event("join", ({ topic }) => topic === `plugins:${child}`)).toMatchObject({
        payload: { delegation_refresh: true, did_spec: { parentDid: PARENT, childNameSource: "client", storage: "ephemeral" } },
      });
      const attached = async (): Promise<unknown> => {
        await alice.request({ type: `${ECHO}/request`, to: BOB, body: {} });
        const { plaintext } = await node.event("message", ({ did }) => did === child);
        return (plaintext as { attachments?: { id: string }[] }).attachments?.map(({ id }) => id) ?? [];
      };
      expect(await attached()).toEqual(["urn:x:first"]);
      await node.push(child, "delegated_credentials", { revision: 2, status: "complete", credentials: [entry("second")] });
      await node.push(child, "delegated_credentials", { revision: 1, status: "complete", credentials: [entry("stale")] });
      await node.push(child, "delegated_credentials", { revision: 3, status: "unread", credentials: [] });
      await node.push(child, "delegated_credentials", { revision: "4", status: "complete", credentials: [] });
      expect(await attached()).toEqual(["urn:x:second"]);
      await node.push(child, "delegated_credentials", { revision: 3, status: "complete", credentials: [] });
      await expect.poll(() => alice.delegatedCredentials()?.credentials).toEqual([]);
      expect(await attached()).toEqual([]);
    });

    it("names itself below its parent, as the SDK of layr8 does", async () => {
      await start({ capabilities: DELEGATES });
      const alice = await client(undefined, { parentDid: PARENT }).connect();
      expect(await node.event("join")).toMatchObject({ topic: `plugins:${alice.did}`, payload: { did_spec: { childNameSource: "sdk" } } });
    });

    it("reports the code of a refused join", async () => {
      await start();
      const code = "e.join.plugin.parent.not-found";
      await node.call("refuse", { [child]: code });
      await expect(client(child, { parentDid: PARENT }).connect()).rejects.toMatchObject({ code: "join_refused", reason: code });
    });
  });

  it("calls the REST API with the members that the node knows", async () => {
    const signed = tokenOf({ id: "urn:x:1", type: ["VerifiableCredential"], credentialSubject: { id: BOB } });
    await start({ signed });
    const alice = client(ALICE);
    expect(await alice.signCredential({ type: ["VerifiableCredential"], credentialSubject: { id: BOB } })).toBe(signed);
    const stored = await alice.storeCredential(signed, { holderDid: BOB });
    expect(await alice.listCredentials({ holderDid: BOB })).toMatchObject([{ id: stored.id, credentialJwt: signed }]);
    expect((await alice.getCredential(stored.id)).credentialJwt).toBe(signed);
    expect(await alice.verifyCredential(signed)).toMatchObject({ headers: { alg: "EdDSA" } });
  });
});
