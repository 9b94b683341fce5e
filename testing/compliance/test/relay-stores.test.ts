import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LmdbLog, LmdbWelcomes, MemoryLog, MemoryWelcomes } from "@parley/skytale-server/storage";
import { type Environment } from "@parley/storage";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { channelLogCompliance, welcomeStoreCompliance } from "../src/index.ts";

interface Closable {
  close(): Promise<void>;
}

/** Opens something in an environment of its own, once and again. */
async function stored<T extends Closable>(open: (environment: Environment) => T) {
  const directory = await mkdtemp(join(tmpdir(), "relay-stores-"));
  const openEnvironment = (): Promise<LmdbEnvironment> => LmdbEnvironment.open(directory, { name: "test", schema: 1 });
  let environment = await openEnvironment();
  let store = open(environment);
  const close = async (): Promise<void> => {
    await store.close();
    await environment.close();
  };
  return {
    store,
    async reopen(): Promise<T> {
      await close();
      environment = await openEnvironment();
      store = open(environment);
      return store;
    },
    async stop(): Promise<void> {
      await close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

channelLogCompliance(
  "MemoryLog",
  (options) => {
    const log = new MemoryLog(options);
    return Promise.resolve({ log, stop: () => log.close() });
  },
  { durable: false },
);

channelLogCompliance(
  "LmdbLog",
  async (options) => {
    const { store: log, reopen, stop } = await stored((environment) => LmdbLog.open(environment, options));
    return { log, reopen, stop };
  },
  { durable: true },
);

welcomeStoreCompliance(
  "MemoryWelcomes",
  (options) => {
    const welcomes = new MemoryWelcomes(options);
    return Promise.resolve({ welcomes, stop: () => welcomes.close() });
  },
  { durable: false },
);

welcomeStoreCompliance(
  "LmdbWelcomes",
  async (options) => {
    const { store: welcomes, reopen, stop } = await stored((environment) => LmdbWelcomes.open(environment, options));
    return { welcomes, reopen, stop };
  },
  { durable: true },
);
