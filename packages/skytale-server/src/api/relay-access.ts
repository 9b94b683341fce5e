import { AccessError } from "../relay/access-error.ts";
import type { Access, Principal } from "../relay/access.ts";
import type { Channels } from "./channels.ts";
import type { ApiKeys } from "./keys.ts";
import type { TokenVerifier } from "./tokens.ts";

/** What {@link createAccess} is made with. */
export interface AccessOptions {
  readonly verifier: TokenVerifier;
  readonly keys: ApiKeys;
  readonly channels: Channels;
}

/** Decides for the relay, by the API server's tokens and registry: a channel is open to the owner of its org and to who has a grant. */
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
