import { loadSealingKey, SealingKey } from "@parley/storage";
import { signingKeys } from "./api/records.ts";
import type { Registry } from "./registry/registry.ts";

/**
 * The key that seals the keys which sign tokens: the one that is given, or that of the data directory, in `server.key`. Without a directory
 * nothing is sealed.
 *
 * @throws StorageError `data_dir_unusable` when secrets are sealed with a key that isn't there; before anything is written
 */
export async function serverKeyOf(
  { directory, registry }: { readonly directory: string | undefined; readonly registry: Registry },
  given: Uint8Array | undefined,
): Promise<SealingKey | undefined> {
  if (given !== undefined) return new SealingKey(given);
  if (directory === undefined) return undefined;
  const [first] = await registry.list(signingKeys.prefix, { limit: 1 });
  const isRequired = first !== undefined && signingKeys.of(first).sealed !== undefined;
  const remedy = "put back the copy that belongs to this directory, or give its content as SKYTALE_SERVER_KEY (serverKey of startSkytale)";
  return loadSealingKey({ directory, file: "server.key", isRequired, remedy });
}
