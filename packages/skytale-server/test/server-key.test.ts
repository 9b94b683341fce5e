import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SigningKeys } from "../src/api/signing-keys.ts";
import { StoredRegistry } from "../src/registry/stored-registry.ts";
import { startSkytale } from "../src/server.ts";
import type { SkytaleServer } from "../src/skytale-server.ts";
import { SCHEMA } from "../src/open-stores.ts";
import { ApiClient } from "./api/api-client.ts";

let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "parley-server-key-"));
});

afterEach(() => rm(dataDir, { recursive: true, force: true }));

function start(options: { readonly serverKey?: Uint8Array } = {}): Promise<SkytaleServer> {
  return startSkytale({ port: 0, relayPort: 0, dataDir, logger: false, ...options });
}

async function tokenOf({ apiUrl, apiKey }: SkytaleServer): Promise<string> {
  return String((await new ApiClient(apiUrl, apiKey).post("/v1/tokens")).body["token"]);
}

describe("the keys that sign tokens", () => {
  it("are sealed with server.key, which its owner alone may read; tokens outlive a restart", async () => {
    const first = await start();
    const token = await tokenOf(first);
    await first.close();
    expect((await stat(join(dataDir, "server.key"))).mode & 0o777).toBe(0o600);
    expect((await readFile(join(dataDir, "skytale.mdb"))).includes('"d":"')).toBe(false);
    await using second = await start();
    expect((await new ApiClient(second.apiUrl, token).get("/v1/accounts/me")).status).toBe(200);
  });

  it("are sealed with a given key, and with no other", async () => {
    await (await start({ serverKey: new Uint8Array(32).fill(1) })).close();
    expect(await readdir(dataDir)).not.toContain("server.key");
    await expect(start({ serverKey: new Uint8Array(32).fill(2) })).rejects.toMatchObject({ code: "data_dir_unusable" });
    await (await start({ serverKey: new Uint8Array(32).fill(1) })).close();
  });

  it("are not opened with a given key in place of server.key: the error names the remedy", async () => {
    await (await start()).close();
    await expect(start({ serverKey: new Uint8Array(32).fill(1) })).rejects.toMatchObject({
      code: "data_dir_unusable",
      message: `SKYTALE_SERVER_KEY (serverKey of startSkytale) is not the key that the keys which sign tokens in ${dataDir} are encrypted with: give the former one, or the content of server.key if that is there`,
    });
    await (await start()).close();
  });

  it("keep a server from starting when server.key is missing, and nothing is written", async () => {
    await (await start()).close();
    const key = await readFile(join(dataDir, "server.key"));
    await rm(join(dataDir, "server.key"));
    await expect(start()).rejects.toMatchObject({
      code: "data_dir_unusable",
      message: expect.stringContaining("server.key is missing") as string,
    });
    expect(await readdir(dataDir)).not.toContain("server.key");
    await using again = await start({ serverKey: Buffer.from(key.toString().trim(), "base64url") });
    expect((await fetch(`${again.apiUrl}/health`)).status).toBe(200);
  });

  it("are read from a link to a file; a pipe is rejected, which would block the start", async () => {
    await (await start()).close();
    const path = join(dataDir, "server.key");
    await rename(path, `${path}.secret`);
    await symlink(`${path}.secret`, path);
    await (await start()).close();
    await rm(path);
    await promisify(execFile)("mkfifo", [path]);
    const message = expect.stringContaining(`${path} is a pipe, not a regular file`) as unknown;
    await expect(start()).rejects.toMatchObject({ code: "data_dir_unusable", message });
  });

  it("of a directory of an older version are sealed, and others follow them", async () => {
    {
      await using environment = await LmdbEnvironment.open(dataDir, SCHEMA);
      const registry = new StoredRegistry(environment);
      environment.table("log-channels");
      await SigningKeys.open({ registry, ttlMs: 1e9, tokenTtlMs: 1e6, now: Date.now });
      expect(await registry.list("signing-key/", { limit: 10 })).toMatchObject([{ record: { d: expect.any(String) as string } }]);
    }
    await (await start()).close();
    await using environment = await LmdbEnvironment.open(dataDir, SCHEMA);
    const records = await new StoredRegistry(environment).list("signing-key/", { limit: 10 });
    expect(records).toHaveLength(2);
    for (const { record } of records) expect(record).toMatchObject({ sealed: expect.any(String) as string });
    for (const { record } of records) expect(record).not.toHaveProperty("d");
  });
});
