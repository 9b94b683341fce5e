import { stat } from "node:fs/promises";

/** The permission bits of group and others. */
const OTHERS = 0o077;

/**
 * The warning for an operator whose data directory is accessible to other users of the machine; `undefined` if it is not. A directory
 * that a server creates never is. Windows has no such modes.
 */
export async function accessWarning(directory: string): Promise<string | undefined> {
  if (process.platform === "win32") return undefined;
  const mode = (await stat(directory)).mode & 0o777;
  if ((mode & OTHERS) === 0) return undefined;
  const digits = mode.toString(8).padStart(4, "0");
  return `${directory} is accessible to other users of this machine (mode ${digits}), who can list its files, if not read them: run chmod 700 on it`;
}
