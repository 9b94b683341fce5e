import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryEnvironment } from "@parley/storage";
import { StoredRegistry } from "@parley/skytale-server/storage";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { registryCompliance, type RegistryHarness } from "../src/index.ts";

registryCompliance("StoredRegistry in memory", () =>
  Promise.resolve({ registry: new StoredRegistry(new MemoryEnvironment()), stop: () => Promise.resolve() }),
);

registryCompliance("StoredRegistry on LMDB", async (): Promise<RegistryHarness> => {
  const directory = await mkdtemp(join(tmpdir(), "registry-"));
  const open = (): Promise<LmdbEnvironment> => LmdbEnvironment.open(directory, { name: "test", schema: 1 });
  let environment = await open();
  return {
    registry: new StoredRegistry(environment),
    reopen: async () => {
      await environment.close();
      environment = await open();
      return new StoredRegistry(environment);
    },
    stop: async () => {
      await environment.close();
      await rm(directory, { recursive: true });
    },
  };
});
