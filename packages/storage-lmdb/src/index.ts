export { checkDataDirectory } from "./check-data-directory.ts";
export { LmdbEnvironment, type LmdbOptions, type WriteCheck } from "./lmdb-environment.ts";
