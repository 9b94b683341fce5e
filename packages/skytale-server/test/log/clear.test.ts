import { MemoryEnvironment } from "@parley/storage";
import { LmdbLog } from "../../src/log/lmdb-log.ts";
import { MemoryLog } from "../../src/log/memory-log.ts";
import { clearSuite } from "./clear-suite.ts";

clearSuite("MemoryLog", async () => ({ log: new MemoryLog() }));
clearSuite("LmdbLog", async () => {
  const environment = new MemoryEnvironment();
  return { log: LmdbLog.open(environment), reopen: async () => LmdbLog.open(environment) };
});
