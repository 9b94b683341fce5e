export { StorageEnvironment, type Environment, type StorageOptions } from "./environment.ts";
export type { DamagedRecord } from "./damaged-records.ts";
export { accessWarning, checkDataDirectory } from "./data-directory.ts";
export { WriteQueue, type Commit, type Table, type Write } from "./write-queue.ts";
export { memoryRecords, storedRecords, type Records } from "./records.ts";
export { SteadyClock, type SteadyClockOptions } from "./steady-clock.ts";
export { loadSealingKey, SealingKey, type SealingKeyFile } from "./sealing-key.ts";
export { StorageError, type StorageErrorCode } from "./storage-error.ts";
