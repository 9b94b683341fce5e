/** The subject of a token: the account of a stream or call. */
export interface Principal {
  readonly accountId: string;
  /** The API key that the token was made from; absent if the issuer does not name it. */
  readonly keyId?: string | undefined;
  /** How long the token is valid from its verification on, in milliseconds. Measured by the monotonic clock. */
  readonly lifetimeMs: number;
}

/**
 * All access decisions of the relay.
 *
 * Decisions may be returned directly or as promises. The relay caches a decision for `accessCheckMs` per stream and channel (default 5 s),
 * then requests it again, also for open subscriptions, so a withdrawn right ends within that time. A rejected promise denies access, and
 * the client gets the error code `internal`.
 */
export interface Access {
  /**
   * Returns the holder of a token.
   *
   * @throws AccessError `token_invalid` (not ours, malformed, not valid yet), `token_expired`, `key_revoked`
   */
  authenticate(token: string): Promise<Principal>;
  /** Whether the API key behind a token has been revoked since. Called for every open stream each `accessCheckMs`. */
  isRevoked(principal: Principal): boolean | Promise<boolean>;
  /** Whether they may append to a channel, and leave welcomes there. */
  canPublish(principal: Principal, channel: string): boolean | Promise<boolean>;
  /**
   * Whether a channel is theirs: its owner may publish commits and proposals as fast as it can, others by the limit `fillShare`. Without
   * this method every account counts as the owner.
   */
  owns?(principal: Principal, channel: string): boolean | Promise<boolean>;
  /** Whether they may subscribe to a channel and read its log. */
  canRead(principal: Principal, channel: string): boolean | Promise<boolean>;
  /** Whether they may fetch and acknowledge welcomes of a channel whose recipients they can name: members and joiners. */
  canFetchWelcomes(principal: Principal, channel: string): boolean | Promise<boolean>;
}
