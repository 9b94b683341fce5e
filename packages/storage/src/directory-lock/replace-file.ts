import { randomBytes } from "node:crypto";
import { open, realpath, rename, rm } from "node:fs/promises";

/**
 * Writes a file in one step, with mode 0600: a process that is killed leaves the old content or the new one. Behind a symbolic link, replaces the
 * file that it leads to.
 *
 * @throws errors of the system
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const draft = `${target}.${randomBytes(4).toString("hex")}`;
  try {
    await writeDurably(draft, text);
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Creates a file with mode 0600, and flushes it. @throws errors of the system, EEXIST included */
export async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
