import { mayBind, type ApiKey } from "./api-keys.ts";

/**
 * Whether an API key may act for a DID: bind it, sign in its name, read its data. A persistent DID is open to every key whose rule covers
 * it. An ephemeral one is open only to the key that created it, whatever the rules are, since the node may have assigned it.
 *
 * @param hosted the node's record of the DID, if it hosts it.
 */
export function mayActFor(
  apiKey: ApiKey,
  did: string,
  hosted: { readonly storage: "persistent" | "ephemeral"; readonly ownerKeyId: string } | undefined,
): boolean {
  return hosted?.storage === "ephemeral" ? hosted.ownerKeyId === apiKey.id : mayBind(apiKey, did);
}
