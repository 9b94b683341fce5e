import { randomBytes } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { warnOnce } from "@parley/core/internal";

/** The directory with the keys and channels of a manager. */
export interface DataDir {
  readonly path: string;
  /** Deletes a temporary directory. */
  remove(): Promise<void>;
}

/** The given data directory, or a new temporary one, with a warning. */
export function dataDirOf(dataDir: string | undefined, onWarning: (warning: string) => void = emitWarning): DataDir {
  // An empty string, such as from an unset variable, counts as missing.
  if (dataDir !== undefined && dataDir !== "") return { path: dataDir, remove: () => Promise.resolve() };
  const path = join(temporaryDirectory(), `skytale-${randomBytes(8).toString("hex")}`);
  onWarning(
    "no dataDir: the keys of this agent are in a temporary directory, which is deleted when the manager is closed. " +
      "Its channels cannot be opened after that. Set dataDir, or SKYTALE_DATA_DIR, to a permanent directory.",
  );
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** A writable temporary directory. The one that the environment names may be missing or not writable. */
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

/** Emits a process warning, once per process. */
function emitWarning(warning: string): void {
  warnOnce("SKYTALE_TEMPORARY_KEYS", warning);
}
