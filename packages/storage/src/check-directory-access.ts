import { stat } from "node:fs/promises";

/** The permission bits of group and others. */
const OTHERS = 0o077;

/** Whether a directory is closed to other users; if not, a sentence for the operator. */
export type DirectoryAccess = { readonly ok: true } | { readonly ok: false; readonly warning: string };

/**
 * Checks that a data directory is inaccessible to other users of the machine. A directory that a server creates is. Windows has no such
 * modes, so the check passes there.
 */
export async function checkDirectoryAccess(directory: string): Promise<DirectoryAccess> {
  const mode = process.platform === "win32" ? 0 : (await stat(directory)).mode & 0o777;
  if ((mode & OTHERS) === 0) return { ok: true };
  const digits = mode.toString(8).padStart(4, "0");
  const warning = `${directory} is accessible to other users of this machine (mode ${digits}), who can list its files, if not read them: run chmod 700 on it`;
  return { ok: false, warning };
}
