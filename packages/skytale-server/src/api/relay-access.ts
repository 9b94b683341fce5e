import { AccessError } from "../relay/access-error.ts";
import type { Access, Principal } from "../relay/access.ts";
import type { Channels } from "./channels.ts";
import type { ApiKeys } from "./keys.ts";
import type { TokenVerifier } from "./tokens.ts";

/** Options of {@link createAccess}. */
export interface AccessOptions {
  readonly verifier: TokenVerifier;
  readonly keys: ApiKeys;
  readonly channels: Channels;
}

/** Access decisions of the relay from the API server's tokens and registry: the owner of the channel's org and accounts with a grant have access. */
export function createAccess({ verifier, keys, channels }: AccessOptions): Access {
  const isRevoked = async ({ keyId }: Principal): Promise<boolean> => keyId === undefined || !(await keys.isValid(keyId));
  const mayUse = ({ accountId }: Principal, channel: string): Promise<boolean> => channels.mayUse(accountId, channel);
  return {
    authenticate: async (token) => {
      const principal = await verifier.verify(token);
      if (principal === "expired") throw new AccessError("token_expired", "the token has expired");
      if (principal === "invalid") throw new AccessError("token_invalid", "the token is not valid here");
      if (await isRevoked(principal)) throw new AccessError("key_revoked", "the API key of this token has been revoked");
      return principal;
    },
    isRevoked,
    owns: ({ accountId }, channel) => channels.isOwner(accountId, channel),
    canPublish: mayUse,
    canRead: mayUse,
    canFetchWelcomes: mayUse,
  };
}
