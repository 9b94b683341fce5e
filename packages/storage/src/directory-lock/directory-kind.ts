import { LockError } from "./lock-error.ts";

/** The kinds of programs, by the file that is in each of their data directories. */
const OWNERS: Readonly<Record<string, string>> = {
  "node.mdb": "a layr8 node",
  "skytale.mdb": "a skytale server",
  store: "a skytale agent",
};

/**
 * Rejects a directory with the data of another kind of program. Called while the directory is locked, before the first write.
 *
 * @param names the entries of the directory.
 * @param ownFile the file that identifies the caller's kind. A directory with it is accepted, regardless of its other entries.
 * @throws LockError `unusable`
 */
export function checkDirectoryKind(directory: string, names: readonly string[], ownFile: string): void {
  if (names.includes(ownFile)) return;
  const foreign = names.find((name) => Object.hasOwn(OWNERS, name));
  if (foreign === undefined) return;
  const own = OWNERS[ownFile] ?? "this program";
  throw new LockError("unusable", `${directory} is the data directory of ${OWNERS[foreign]}: give ${own} a directory of its own`);
}
