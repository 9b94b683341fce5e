import { startNode, type Layr8Node } from "@parley/layr8-node";
import type { StoredCredential } from "@parley/credentials-client";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { Client, CredentialsClient, type Config } from "../src/index.ts";
import { WalletWatcher, type WalletWatcherOptions } from "../src/wallet-watcher.ts";

const ERIN = "did:web:localhost:erin";
const SHOP = "did:web:localhost:shop";
const ORDER = "https://shop.example/orders/1.0";

let node: Layr8Node;
let clients: Client[];
let errors: unknown[];

function client(agentDid: string, config: Config = {}): Client {
  const made = new Client({ nodeUrl: node.url, apiKey: node.apiKey, agentDid, ...config }, (error) => void errors.push(error));
  clients.push(made);
  return made;
}

beforeEach(async () => {
  [clients, errors] = [[], []];
  node = await startNode({ port: 0, logger: false, policies: [{ did: SHOP, protocols: [ORDER], grantIssuers: ["recipient"] }] });
});

afterEach(async () => {
  await Promise.all(clients.map((made) => made.close()));
  await node.close();
});

async function issue(id: string): Promise<string> {
  return client(SHOP).signCredential({
    id,
    type: ["VerifiableCredential", "VerifiableGrant"],
    credentialSubject: { id: ERIN, scope: [{ protocol: ORDER, messageTypes: ["*"] }] },
  });
}

describe("a client that watches its stored credentials", () => {
  it("is told when they change, without polling", async () => {
    const erin = await client(ERIN, { walletPollMs: 1_000_000 }).connect();
    const seen: string[][] = [];
    const remove = erin.onWalletChange((credentials) => void seen.push(credentials.map(({ id }) => id)));
    // The first read notes what is there.
    await erin.listCredentials();
    const first = await erin.storeCredential(await issue("urn:x:1"));
    await expect.poll(() => seen).toEqual([[first.id]]);
    const second = await client(SHOP).storeCredential(await issue("urn:x:2"), { holderDid: ERIN });
    await expect.poll(() => seen).toEqual([[first.id], [first.id, second.id]]);
    await fetch(`${node.httpUrl}/api/v1/credentials/${first.id}`, { method: "DELETE", headers: { "x-api-key": node.apiKey ?? "" } });
    await expect.poll(() => seen).toEqual([[first.id], [first.id, second.id], [second.id]]);
    remove();
    await erin.storeCredential(await issue("urn:x:3"));
    // The node answers after it has announced the change.
    await erin.request({ type: "https://didcomm.org/trust-ping/2.0/ping", to: SHOP, body: {} });
    expect(seen).toHaveLength(3);
    expect(errors).toEqual([]);
  });

  it("attaches a new grant to the next message, without a refresh", async () => {
    const shop = client(SHOP, { attachGrants: false });
    shop.handle(`${ORDER}/create`, () => ({ type: `${ORDER}/created`, body: {} }));
    await shop.connect();
    const erin = await client(ERIN).connect();
    const order = { type: `${ORDER}/create`, to: SHOP, body: {} };
    await expect(erin.request(order)).rejects.toMatchObject({ code: "e.m.authz.denied" });
    await erin.storeCredential(await issue("urn:x:1"));
    await expect
      .poll(() =>
        erin.request(order).then(
          ({ type }) => type,
          () => undefined,
        ),
      )
      .toBe(`${ORDER}/created`);
  });

  it("notices what has changed while it was away", async () => {
    const erin = await client(ERIN, { walletPollMs: 1_000_000 }).connect();
    const seen: string[][] = [];
    erin.onWalletChange((credentials) => void seen.push(credentials.map(({ credentialJwt }) => credentialJwt)));
    await erin.storeCredential(await issue("urn:x:1"));
    await expect.poll(() => seen.length).toBe(1);
    const { port } = node;
    const [signed, apiKey] = [await issue("urn:x:2"), node.apiKey ?? ""];
    await node.close();
    // It has an empty store: nothing is on disk.
    node = await startNode({ port, logger: false, apiKeys: [{ key: apiKey, dids: "any" }] });
    const store = new CredentialsClient({ nodeUrl: node.url, apiKey, did: ERIN });
    onTestFinished(() => store.close());
    await store.storeCredential(signed);
    await expect.poll(() => seen.at(-1), { timeout: 20_000 }).toEqual([signed]);
  });
});

describe("a watcher of stored credentials", () => {
  const credential = (id: string): StoredCredential => ({ id, holderDid: ERIN, credentialJwt: `jwt of ${id}` });

  function watch(options: Partial<WalletWatcherOptions>): { watcher: WalletWatcher; seen: string[][]; failures: unknown[] } {
    const [seen, failures]: [string[][], unknown[]] = [[], []];
    const read = (): Promise<readonly StoredCredential[]> => Promise.resolve([]);
    const onFailure = (error: unknown): void => void failures.push(error);
    const watcher = new WalletWatcher({ read, isAnnounced: () => false, onFailure, pollMs: 5, ...options });
    onTestFinished(() => watcher.stop());
    watcher.add((credentials) => void seen.push(credentials.map(({ id }) => id)));
    return { watcher, seen, failures };
  }

  it("polls where changes are not announced; order and failed reads change nothing", async () => {
    let reads = 0;
    const results: (readonly StoredCredential[] | Error)[] = [
      [credential("a"), credential("b")],
      [credential("b"), credential("a")],
      new Error("down"),
      [credential("a"), credential("b")],
      [credential("b")],
    ];
    const { seen } = watch({
      read: async () => {
        const result = results[Math.min(reads++, results.length - 1)] ?? [];
        if (result instanceof Error) throw result;
        return result;
      },
    });
    await expect.poll(() => reads).toBeGreaterThan(8);
    expect(seen).toEqual([["b"]]);
  });

  it("reads when it is asked to, once for calls at the same time and once more for those during a read", async () => {
    let reads = 0;
    let release = (): void => undefined;
    const { watcher } = watch({
      isAnnounced: () => true,
      read: async () => {
        reads++;
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return [];
      },
    });
    expect(reads).toBe(1);
    for (let n = 0; n < 5; n++) watcher.check();
    release();
    await expect.poll(() => reads).toBe(2);
    release();
    watcher.stop();
    watcher.check();
    expect(reads).toBe(2);
  });

  it("reports listeners that fail, and calls the others", async () => {
    let current = [credential("a")];
    const { watcher, seen, failures } = watch({ isAnnounced: () => true, read: () => Promise.resolve(current) });
    watcher.add(() => {
      throw new Error("broken");
    });
    watcher.add(() => Promise.reject(new Error("rejected")));
    await Promise.resolve();
    current = [credential("b")];
    await expect
      .poll(() => {
        watcher.check();
        return failures;
      })
      .toMatchObject([{ message: "broken" }, { message: "rejected" }]);
    expect(seen).toEqual([["b"]]);
  });
});
