import { randomBytes } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { SealingKey, storedRecords } from "@parley/storage";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { Dids } from "../../src/identity/dids.ts";
import type { DidRecord } from "../../src/identity/hosted-did.ts";
import { loadNodeKey } from "../../src/identity/node-key.ts";
import { startNode } from "../../src/node.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { SCHEMA } from "../../src/open-stores.ts";
import { RestClient } from "../http/rest-client.ts";

const ISSUER = "did:web:issuer.example";
const HOLDER = "did:web:holder.example";
const API_KEY = "a key of the operator's own";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let path: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory.path, "data");
});
afterEach(() => directory.remove());

function start(options: NodeOptions = {}): Promise<Layr8Node> {
  return startNode({ port: 0, logger: false, dataDir: path, apiKeys: [{ key: API_KEY, dids: "any" }], ...options });
}

/** Runs a node on the directory while a callback uses it. */
async function withNode<T>(use: (rest: RestClient, node: Layr8Node) => Promise<T>, options: NodeOptions = {}): Promise<T> {
  await using node = await start(options);
  return await use(new RestClient(node, API_KEY), node);
}

/** The private keys of a DID in the directory, as bytes. */
async function privateKeys(did: string, nodeKey?: Uint8Array): Promise<readonly Buffer[]> {
  await using environment = await LmdbEnvironment.open(path, SCHEMA);
  const key = nodeKey === undefined ? await loadNodeKey(path) : new SealingKey(nodeKey);
  const dids = new Dids({ records: storedRecords<DidRecord>(environment, "dids"), nodeKey: key });
  const keys = await Promise.all((["signing", "agreement"] as const).map((purpose) => dids.privateKey(did, purpose)));
  return keys.map((each) => Buffer.from(each?.export({ format: "jwk" }).d ?? "", "base64url"));
}

async function files(): Promise<readonly { name: string; bytes: Buffer; mode: number }[]> {
  const names = await readdir(path);
  return Promise.all(
    names.map(async (name) => {
      const file = join(path, name);
      const { mode } = await stat(file);
      return { name, mode: mode & 0o777, bytes: (await stat(file)).isFile() ? await readFile(file) : Buffer.alloc(0) };
    }),
  );
}

function expectNowhere(secret: Buffer, among: readonly { name: string; bytes: Buffer }[]): void {
  expect(secret).toHaveLength(32);
  const forms = [secret, ...(["hex", "base64", "base64url"] as const).map((encoding) => Buffer.from(secret.toString(encoding)))];
  for (const { name, bytes } of among) {
    for (const form of forms) expect({ name, holds: bytes.includes(form) }).toEqual({ name, holds: false });
  }
}

describe("a wallet on disk", () => {
  it("holds no private key as it is, nor an API key, in no encoding", async () => {
    await withNode((rest) => rest.sign(ISSUER));
    const keys = await privateKeys(ISSUER);
    const found = await files();
    for (const key of keys) expectNowhere(key, found);
    expect(found.some(({ bytes }) => bytes.includes(API_KEY))).toBe(false);
    const open = found.filter(({ name, mode }) => !name.startsWith("lock") && (mode & 0o077) !== 0);
    expect(open.map(({ name }) => name)).toEqual([]);
  });

  it("holds no node key if the option nodeKey is set", async () => {
    const nodeKey = randomBytes(32);
    await withNode((rest) => rest.sign(ISSUER), { nodeKey });
    const found = await files();
    expect(found.map(({ name }) => name)).not.toContain("node.key");
    expectNowhere(nodeKey, found);
    for (const key of await privateKeys(ISSUER, nodeKey)) expectNowhere(key, found);
  });

  it("fails to open under another node key with an error about it", async () => {
    await withNode((rest) => rest.sign(ISSUER), { nodeKey: randomBytes(32) });
    const refusal = { name: "StorageError", code: "data_dir_unusable", message: expect.stringMatching(/node.key/) as string };
    await expect(start({ nodeKey: randomBytes(32) })).rejects.toMatchObject(refusal);
    await expect(start()).rejects.toMatchObject({ ...refusal, message: expect.stringContaining("node.key is missing in") as string });
    await expect(start({ nodeKey: randomBytes(16) })).rejects.toThrow(TypeError);
  });

  it("keeps ids, keys and credentials over a restart", async () => {
    const before = await withNode(async (rest) => {
      const credential = await rest.sign(ISSUER);
      const id = await rest.store(HOLDER, credential);
      return { credential, id, stored: (await rest.get(`/api/v1/credentials/${id}`)).body };
    });
    await withNode(async (rest) => {
      expect((await rest.get(`/api/v1/credentials/${before.id}`)).body).toEqual(before.stored);
      expect((await rest.get(`/api/v1/credentials?holder_did=${HOLDER}`)).body).toEqual({ credentials: [before.stored] });
      // Signed with the key before, verified with the key now, and the other way round.
      const verified = await rest.post("/api/v1/credentials/verify", { signed_credential: before.credential, verifier_did: HOLDER });
      expect(verified.status).toBe(200);
      const presentation = await rest.present(HOLDER, [before.credential]);
      const body = { signed_presentation: presentation, verifier_did: HOLDER };
      expect((await rest.post("/api/v1/presentations/verify", body)).status).toBe(200);
      await rest.delete(`/api/v1/credentials/${before.id}`);
    });
    await withNode(async (rest) => {
      expect((await rest.get(`/api/v1/credentials/${before.id}`)).status).toBe(404);
    });
  });
});
