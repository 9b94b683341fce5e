export { checkDataDirectory } from "./check-data-directory.ts";
export { LmdbEnvironment, type LmdbOptions } from "./lmdb-environment.ts";
