import { ParleyError } from "@parley/core";
import type { StoredCredential } from "../stored-credential.ts";
import { readClaims } from "./credential-claims.ts";

/** A stored grant that does not cover a message, and so was not attached to it. */
export interface UnsuitableGrant {
  /** The credential's id. */
  readonly id: string;
  /** A code of `matchGrant`, such as `message_type_not_covered`, or of `readGrantChain`, such as `grant_invalid`. */
  readonly code: string;
  readonly detail: string;
}

/**
 * Why each stored grant does not cover a message: for its first recipient, if there are several.
 *
 * @param holder the sender.
 */
export function explainGrants(
  stored: readonly StoredCredential[],
  { to, type }: { readonly to: readonly string[]; readonly type: string },
  holder: string,
  { readGrantChain, matchGrantChain }: Pick<typeof import("@parley/vc/grants"), "readGrantChain" | "matchGrantChain">,
): readonly UnsuitableGrant[] {
  return stored.flatMap(({ credentialJwt }): readonly UnsuitableGrant[] => {
    const claims = readClaims(credentialJwt);
    if (claims === undefined || !(claims.isGrant || claims.scope.length > 0)) return [];
    try {
      const chain = readGrantChain(credentialJwt).map(({ grant }) => grant);
      const matches = to.map((resource) => matchGrantChain(chain, { type, resource, sender: holder }));
      const [first] = matches;
      if (first === undefined || first.permitted || matches.some(({ permitted }) => permitted)) return [];
      return [{ id: claims.id, code: first.code, detail: first.detail }];
    } catch (error) {
      const { code, message } = ParleyError.from(error);
      return [{ id: claims.id, code, detail: message }];
    }
  });
}
