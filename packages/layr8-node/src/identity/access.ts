import { mayBind, type ApiKey } from "./api-keys.ts";
import type { DidRecord } from "./hosted-did.ts";
import { ephemeralNotAllowed, IdentityError } from "./identity-error.ts";

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

/** Checks that a DID may become ephemeral: it is deleted once it is not in use. @throws IdentityError */
export async function assertMayEnd(
  { did, ownerKeyId }: DidRecord,
  owner: ApiKey,
  holdsAnything: (did: string) => Promise<boolean>,
): Promise<void> {
  if (ownerKeyId !== owner.id) throw new IdentityError("did_not_allowed", "Only the API key that created a DID can make it ephemeral");
  if (!owner.ephemeral) throw ephemeralNotAllowed();
  if (await holdsAnything(did)) throw new IdentityError("did_in_use", "Messages or credentials of this DID are waiting");
}
