import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerStorage } from "@parley/server-kit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Federation } from "../src/federation/federation.ts";
import { LmdbOutboundStore } from "../src/federation/outbound/lmdb-outbound-store.ts";
import { LmdbInbox } from "../src/inbox/lmdb-inbox.ts";
import { startNode, type Layr8Node } from "../src/index.ts";
import { PhoenixServer } from "../src/phoenix/phoenix-server.ts";
import { readNodeOptions } from "../src/options.ts";
import { openStores, SCHEMA } from "../src/open-stores.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "node-data-"));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(directory, { recursive: true, force: true });
});

const start = (dataDir = directory): Promise<Layr8Node> => startNode({ port: 0, dataDir, logger: false });

/** Makes a directory in which a DID has private keys. */
async function withKeys(nodeKey?: Uint8Array): Promise<void> {
  const storage = await ServerStorage.open({ dataDir: directory, schema: SCHEMA });
  const stores = await openStores(storage, readNodeOptions({ ...(nodeKey !== undefined && { nodeKey }) }));
  const { key } = await stores.apiKeys.create({ dids: "any", name: "test" });
  const owner = stores.apiKeys.find(key);
  if (owner === undefined) throw new Error("the key that was just made is unknown");
  await stores.dids.ensure("did:web:example.com:alice", { mode: "Create", owner });
  await stores.dids.privateKey("did:web:example.com:alice", "signing");
  await storage.close();
}

describe("the node key of a data directory", () => {
  it("that is missing is reported, and none is created, where private keys are encrypted with it", async () => {
    await withKeys();
    const key = await readFile(join(directory, "node.key"));
    await rm(join(directory, "node.key"));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(start()).rejects.toMatchObject({
        code: "data_dir_unusable",
        message: expect.stringContaining(`node.key is missing in ${directory}`),
      });
      expect(await readdir(directory)).not.toContain("node.key");
    }
    await writeFile(join(directory, "node.key"), key);
    await (await start()).close();
  });

  it.each([
    ["another one", Buffer.alloc(32, 7).toString("base64url"), "is not the one that the private keys in"],
    [
      "no key",
      "hello",
      "node.key cannot be read or created, or is not a key: A sealing key must have 32 bytes. Check its owner and mode, or put back the copy",
    ],
    [
      "empty",
      "",
      "node.key cannot be read or created, or is not a key: A sealing key must have 32 bytes. Check its owner and mode, or put back the copy",
    ],
  ])("is checked before the node starts: %s", async (_what, text, message) => {
    await withKeys();
    await writeFile(join(directory, "node.key"), text);
    await expect(start()).rejects.toMatchObject({ code: "data_dir_unusable", message: expect.stringContaining(message) });
    expect(await readFile(join(directory, "node.key"), "utf8")).toBe(text);
  });

  it("is created where nothing is encrypted yet", async () => {
    await (await start()).close();
    await rm(join(directory, "node.key"));
    await (await start()).close();
    expect(await readdir(directory)).toContain("node.key");
  });

  it("that is given must fit as well", async () => {
    await withKeys(new Uint8Array(32).fill(1));
    const other = startNode({ port: 0, dataDir: directory, nodeKey: new Uint8Array(32).fill(2), logger: false });
    await expect(other).rejects.toMatchObject({ code: "data_dir_unusable", message: expect.stringContaining(directory) });
    await (await startNode({ port: 0, dataDir: directory, nodeKey: new Uint8Array(32).fill(1), logger: false })).close();
  });
});

describe("closing a node", () => {
  const STEPS: readonly [step: string, owner: object][] = [
    ["the sockets", PhoenixServer.prototype],
    ["the queue to other nodes", Federation.prototype],
    ["the outbound store", LmdbOutboundStore.prototype],
    ["the inbox", LmdbInbox.prototype],
  ];
  it.each(STEPS)("frees port and directory, and reports the first error, when this fails: %s", async (_step, owner) => {
    const node = await start();
    const error = new Error("this step fails");
    const failing = vi.spyOn(owner as { close: () => Promise<void> }, "close").mockRejectedValue(error);
    await expect(node.close()).rejects.toBe(error);
    failing.mockRestore();
    await using again = await startNode({ port: node.port, dataDir: directory, logger: false });
    expect(again.port).toBe(node.port);
  });

  it("frees the directory when the port is taken", async () => {
    await using first = await startNode({ port: 0, logger: false });
    await expect(startNode({ port: first.port, dataDir: directory, logger: false })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await (await start()).close();
  });
});

it("answers /health with a slash at its end", async () => {
  await using node = await start();
  for (const path of ["/health", "/health/"]) expect((await fetch(node.httpUrl + path)).status).toBe(200);
});

it("names directory and process when another node has the directory", async () => {
  await using _ = await start();
  const message =
    `Another server has this data directory open: ${directory} is in use by another part of this process (pid ${process.pid}). ` +
    "Stop it first, or use another directory";
  await expect(start()).rejects.toMatchObject({ code: "data_dir_locked", message });
});

it("takes a long relative directory, and keeps it when the working directory changes", async () => {
  const cwd = process.cwd();
  const relative = join("d".repeat(60), "語".repeat(20), "e".repeat(60));
  try {
    process.chdir(directory);
    const node = await start(relative);
    process.chdir("/");
    await node.createApiKey({ dids: "any" });
    await node.close();
    await using again = await start(join(directory, relative));
    expect(again.listApiKeys()).toHaveLength(2);
  } finally {
    process.chdir(cwd);
  }
});
