import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryStore } from "@parley/mls-engine";
import { openFileStore, type FileStoreOptions } from "@parley/mls-engine/node";
import { groupStoreCompliance, type GroupStoreHarness } from "../src/index.ts";

async function fileHarness(options: FileStoreOptions): Promise<GroupStoreHarness> {
  const directory = await mkdtemp(join(tmpdir(), "group-store-"));
  return {
    open: () => openFileStore(directory, options),
    stop: () => rm(directory, { recursive: true }),
  };
}

groupStoreCompliance("The memory store", async () => ({ open: async () => memoryStore(), stop: async () => {} }), []);
groupStoreCompliance("The file store", () => fileHarness({}));
groupStoreCompliance("The encrypted file store", () => fileHarness({ encryptionKey: randomBytes(32) }));
