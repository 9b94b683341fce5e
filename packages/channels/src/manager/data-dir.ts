import { randomBytes } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { warnOnce } from "@parley/core/internal";

/** Where a manager keeps keys and channels. */
export interface DataDir {
  readonly path: string;
  /** Deletes it, if it is a temporary one. */
  remove(): Promise<void>;
}

/** The data directory of a manager that names one; else a new one among the temporary files, with a warning. */
export function dataDirOf(dataDir: string | undefined, onWarning: (warning: string) => void = emitWarning): DataDir {
  // An empty one, as from an unset variable, is none.
  if (dataDir !== undefined && dataDir !== "") return { path: dataDir, remove: () => Promise.resolve() };
  const path = join(temporaryDirectory(), `skytale-${randomBytes(8).toString("hex")}`);
  onWarning(
    "no dataDir: the keys of this agent are in a temporary directory, which is deleted when the manager is closed. " +
      "Its channels can't be read after that. Set dataDir, or SKYTALE_DATA_DIR, to a directory that lasts.",
  );
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The environment may name a directory that is missing, read-only or another user's. */
function temporaryDirectory(): string {
  const isUsable = (path: string): boolean => {
    try {
      accessSync(path, constants.W_OK | constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  return [tmpdir(), "/tmp", "/var/tmp"].find(isUsable) ?? tmpdir();
}

/** Where Node prints warnings: standard error, once per process. */
function emitWarning(warning: string): void {
  warnOnce("SKYTALE_TEMPORARY_KEYS", warning);
}
