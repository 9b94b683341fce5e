import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openAgent } from "../src/open-agent.ts";
import { checkClientOptions, type SkytaleClientOptions } from "../src/client-options.ts";

describe("storageKey", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "storage-key-"));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const options = (name: string, storageKey?: Uint8Array): SkytaleClientOptions => ({
    endpoint: "http://127.0.0.1:1",
    dataDir: join(root, name),
    identity: "agent",
    ...(storageKey === undefined ? {} : { storageKey }),
  });

  async function create(name: string, storageKey?: Uint8Array): Promise<void> {
    const { engine, identityKey } = await openAgent(options(name, storageKey));
    identityKey.erase();
    await engine.close();
  }

  it("that does not fit the data directory is rejected with the names of directory and option", async () => {
    await create("plain");
    await create("encrypted", randomBytes(32));
    const rejections: readonly (readonly [SkytaleClientOptions, string])[] = [
      [options("plain", randomBytes(32)), "is not encrypted, but an encryption key was given"],
      [options("encrypted"), "is encrypted, but no encryption key was given"],
      [options("encrypted", randomBytes(32)), "is encrypted under another encryption key"],
    ];
    for (const [given, reason] of rejections) {
      await expect(openAgent(given)).rejects.toMatchObject({
        code: "wrong_key",
        retryable: false,
        message: `${given.dataDir} ${reason}. Check the option storageKey`,
      });
    }
  });

  it("of another length is rejected with the name of the option", () => {
    for (const bytes of [0, 16, 31, 33]) {
      expect(() => checkClientOptions(options("new", randomBytes(bytes)))).toThrow(/storageKey.*a Uint8Array of 32 bytes/);
    }
  });
});
