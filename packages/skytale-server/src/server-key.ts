import { loadSealingKey, SealingKey, StorageError } from "@parley/storage";
import { signingKeys } from "./api/records.ts";
import { opensSigningKey } from "./api/signing-keys.ts";
import type { Registry } from "./registry/registry.ts";

/** The file of the server key in a data directory. */
export const SERVER_KEY_FILE = "server.key";

/**
 * The key that seals the keys which sign tokens: the one that is given, or that of the data directory, in `server.key`. Without a directory
 * nothing is sealed.
 *
 * @throws StorageError `data_dir_unusable` when secrets are sealed with a key that isn't there, or with another one than the given; before
 *   anything is written
 */
export async function serverKeyOf(
  { directory, registry }: { readonly directory: string | undefined; readonly registry: Registry },
  given: Uint8Array | undefined,
): Promise<SealingKey | undefined> {
  if (given === undefined && directory === undefined) return undefined;
  const [first] = await registry.list(signingKeys.prefix, { limit: 1 });
  const sealed = first === undefined ? undefined : signingKeys.of(first);
  const isRequired = sealed?.sealed !== undefined;
  const opens = sealed && ((key: SealingKey): boolean => opensSigningKey(sealed, key));
  if (given !== undefined) {
    const key = new SealingKey(given);
    if (isRequired && opens?.(key) === false) throw new StorageError("data_dir_unusable", describeOther(directory));
    return key;
  }
  if (directory === undefined) return undefined;
  const remedy = "put back the copy that belongs to this directory, or give its content as SKYTALE_SERVER_KEY (serverKey of startSkytale)";
  return loadSealingKey({ directory, file: SERVER_KEY_FILE, isRequired, opens, remedy });
}

function describeOther(directory: string | undefined): string {
  const where = directory === undefined ? "" : ` in ${directory}`;
  const remedy =
    directory === undefined ? "give the former one" : `give the former one, or the content of ${SERVER_KEY_FILE} if that is there`;
  return `SKYTALE_SERVER_KEY (serverKey of startSkytale) is not the key that the keys which sign tokens${where} are encrypted with: ${remedy}`;
}
