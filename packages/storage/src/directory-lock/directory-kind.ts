import { LockError } from "./lock-error.ts";

/** What a data directory belongs to, by the file that each of its kind has. */
const OWNERS: Readonly<Record<string, string>> = {
  "node.mdb": "a layr8 node",
  "skytale.mdb": "a skytale server",
  store: "a skytale agent",
};

/**
 * Refuses a directory that holds the data of another kind of program. Called while the directory is locked, before anything is written.
 *
 * @param names what is in the directory.
 * @param ownFile the file that a directory of the caller's kind has. A directory with it is accepted, whatever else it holds.
 * @throws LockError `unusable`
 */
export function checkDirectoryKind(directory: string, names: readonly string[], ownFile: string): void {
  if (names.includes(ownFile)) return;
  const foreign = names.find((name) => Object.hasOwn(OWNERS, name));
  if (foreign === undefined) return;
  const own = OWNERS[ownFile] ?? "this program";
  throw new LockError("unusable", `${directory} is the data directory of ${OWNERS[foreign]}: give ${own} a directory of its own`);
}
