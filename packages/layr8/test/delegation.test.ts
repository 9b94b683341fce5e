import { startNode, type Layr8Node } from "@parley/layr8-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client, type Config, type DelegatedCredentials } from "../src/index.ts";
import { Delegation } from "../src/delegation.ts";

const ORDER = "https://shop.example/orders/1.0";
const OWNER = "did:web:localhost:owner";
const ALICE = "did:web:localhost:alice";
const SHOP = "did:web:localhost:shop";
const KEY = "a-key-that-may-bind-any-did";
const CHILDREN = "a-key-for-alice-and-her-children";

let node: Layr8Node;
let clients: Client[];
let errors: unknown[];

function client(config: Config): Client {
  const made = new Client({ nodeUrl: node.url, apiKey: KEY, ...config }, (error) => void errors.push(error));
  clients.push(made);
  return made;
}

beforeEach(async () => {
  [clients, errors] = [[], []];
  const apiKeys = [
    { key: KEY, dids: "any" as const },
    { key: CHILDREN, dids: [ALICE, `${ALICE}:*`] },
    { key: "a-key-for-the-children-only", dids: [`${ALICE}:*`] },
  ];
  node = await startNode({ port: 0, logger: false, apiKeys, policies: [{ did: SHOP, protocols: [ORDER], grantIssuers: [OWNER] }] });
  const shop = client({ agentDid: SHOP, attachGrants: false });
  for (const name of ["create", "cancel"]) shop.handle(`${ORDER}/${name}`, () => ({ type: `${ORDER}/done`, body: {} }));
  await shop.connect();
  await client({ agentDid: ALICE }).connect();
});

afterEach(async () => {
  await Promise.all(clients.map((made) => made.close()));
  await node.close();
});

/** Stores a grant of the owner for Alice. */
async function grantAlice(name: string): Promise<string> {
  const owner = client({ agentDid: OWNER });
  const scope = [{ protocol: ORDER, messageTypes: [name], resource: SHOP }];
  const signed = await owner.signCredential({ id: `urn:x:${name}`, type: ["VerifiableGrant"], credentialSubject: { id: ALICE, scope } });
  return (await owner.storeCredential(signed, { holderDid: ALICE })).id;
}

const order = (name: string) => ({ type: `${ORDER}/${name}`, to: SHOP, body: {} });
const denied = { code: "e.m.authz.denied" };

describe("an agent with a parent", () => {
  it("borrows the parent's grants, and gets their changes, without a store of its own", async () => {
    await grantAlice("create");
    const child = client({ parentDid: ALICE, apiKey: CHILDREN });
    expect(child.did).toMatch(/^did:web:localhost:alice:[0-9a-hjkmnp-tv-z]{12}$/);
    const seen: DelegatedCredentials[] = [];
    child.onDelegation((delegated) => void seen.push(delegated));
    await child.connect();
    expect(child.delegatedCredentials()).toMatchObject({ status: "complete", credentials: [{ parentCapability: "urn:x:create" }] });
    expect((await child.request(order("create"))).type).toBe(`${ORDER}/done`);
    await expect(child.request(order("cancel"))).rejects.toMatchObject(denied);
    expect(await child.listCredentials()).toEqual([]);
    const cancel = await grantAlice("cancel");
    await expect.poll(() => seen.at(-1)?.credentials.length).toBe(2);
    expect((await child.request(order("cancel"))).type).toBe(`${ORDER}/done`);
    await fetch(`${node.httpUrl}/api/v1/credentials/${cancel}`, { method: "DELETE", headers: { "x-api-key": KEY } });
    await expect.poll(() => child.delegatedCredentials()?.credentials.length).toBe(1);
    await expect(child.request(order("cancel"))).rejects.toMatchObject(denied);
    expect(errors).toEqual([]);
  });

  it("has no grants where the parent has none, and none of what is not a grant", async () => {
    const owner = client({ agentDid: OWNER });
    await owner.storeCredential(await owner.signCredential({ credentialSubject: { id: ALICE, name: "Alice" } }), { holderDid: ALICE });
    const child = await client({ parentDid: ALICE }).connect();
    expect(child.delegatedCredentials()).toEqual({ status: "complete", credentials: [] });
    const foreign = await owner.signCredential({
      type: ["VerifiableGrant"],
      credentialSubject: { id: "did:web:localhost:other", scope: [{ protocol: "*", messageTypes: ["*"] }] },
    });
    await owner.storeCredential(foreign, { holderDid: ALICE });
    await expect.poll(() => child.delegatedCredentials()).toEqual({ status: "partial", credentials: [] });
  });

  it("borrows nothing without a parent", async () => {
    await grantAlice("create");
    const plain = await client({ agentDid: `${ALICE}:plain` }).connect();
    expect(plain.delegatedCredentials()).toBeUndefined();
    await expect(plain.request(order("create"))).rejects.toMatchObject(denied);
  });

  it.each<[Config, string]>([
    [{ parentDid: "did:web:localhost:nobody" }, "e.join.plugin.parent.not-found"],
    [{ parentDid: "did:web:elsewhere.example:alice" }, "e.join.plugin.parent.not-hosted-here"],
    [{ parentDid: ALICE, apiKey: "a-key-for-the-children-only" }, "unauthorized"],
    [{ parentDid: ALICE, agentDid: `${ALICE}:persistent` }, "e.join.plugin.child.storage-not-ephemeral"],
  ])("is refused by the node: %j", async (config, reason) => {
    await client({ agentDid: `${ALICE}:persistent` }).connect();
    await expect(client(config).connect()).rejects.toMatchObject({ reason });
  });

  it("can't have an ephemeral parent", async () => {
    const { did } = await client({}).connect();
    await expect(client({ parentDid: did }).connect()).rejects.toMatchObject({ reason: "e.join.plugin.parent.not-persistent" });
  });

  it.each([ALICE, `${ALICE}x`, `${ALICE}:a:b`, "did:web:localhost:bob"])("is named directly below it, not %s", (agentDid) => {
    expect(() => client({ parentDid: ALICE, agentDid })).toThrow("is not directly below Config.parentDid");
  });
});

describe("a set of borrowed grants", () => {
  const grant = { id: "1", parent_capability: "2", credential_jwt: "a.b.c" };
  const ids = (delegation: Delegation): unknown => delegation.current?.credentials.map(({ id }) => id);

  it("is replaced by newer ones only, and starts again with a join", () => {
    const delegation = new Delegation();
    const set = (revision: number, id: string, status = "complete") => ({ revision, status, credentials: [{ ...grant, id }] });
    expect(delegation.take(set(0, "join"))).toMatchObject({ isPush: false });
    expect(delegation.take(set(2, "two"))).toMatchObject({ isPush: true });
    expect([delegation.take(set(1, "late")), delegation.take(set(2, "again"))]).toEqual([undefined, undefined]);
    expect(ids(delegation)).toEqual(["two"]);
    delegation.take(set(0, "rejoined", "partial"));
    delegation.take(set(1, "one"));
    expect(ids(delegation)).toEqual(["one"]);
  });

  it.each<[unknown]>([
    [null],
    [[grant]],
    [{ revision: 1, credentials: [] }],
    [{ revision: 1, status: "bogus", credentials: [] }],
    [{ revision: 1, status: "complete" }],
    [{ revision: "1", status: "complete", credentials: [] }],
    [{ revision: -1, status: "complete", credentials: [] }],
    [{ revision: 1.5, status: "complete", credentials: [] }],
    [{ revision: 1, status: "unread", credentials: [] }],
  ])("is not replaced by %j", (raw) => {
    const delegation = new Delegation();
    delegation.take({ revision: 0, status: "complete", credentials: [grant] });
    expect(delegation.take(raw)).toBeUndefined();
    expect(ids(delegation)).toEqual(["1"]);
  });
});
