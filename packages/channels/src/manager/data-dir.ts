import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The data directory of who has named none, and what to say of it. */
export function temporaryDataDir(onWarning: (warning: string) => void): string {
  const directory = join(tmpdir(), `skytale-${randomBytes(8).toString("hex")}`);
  onWarning(
    `no dataDir: the keys of this agent are in ${directory}, and nobody finds them again after a restart. ` +
      "Its channels can't be read then. Set dataDir, or SKYTALE_DATA_DIR, to a directory that lasts.",
  );
  return directory;
}

/** Says it where Node says such things: on standard error, once for each text. */
export function emitWarning(warning: string): void {
  process.emitWarning(warning, { type: "SkytaleWarning", code: "SKYTALE_TEMPORARY_KEYS" });
}
