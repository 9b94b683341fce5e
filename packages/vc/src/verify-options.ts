import type { DidResolver } from "@parley/did";
import type { VcLimits } from "./vc-limits.ts";
import type { StatusListCache } from "./status/status-list-cache.ts";
import type { StatusListFetch } from "./status/status-list-fetch.ts";

/** Options of {@link verifyCredential}. */
export interface VerifyOptions {
  /** Resolves the DIDs of issuers and holders. */
  readonly resolver: DidResolver;
  /**
   * Fetches status list credentials. Without it, a credential that has a status is rejected (`status_unavailable`); `"ignore"` skips the
   * check.
   */
  readonly status?: StatusListFetch | "ignore";
  /** Timeout for fetching one status list, in milliseconds. Default 10000. */
  readonly statusTimeoutMs?: number;
  /** Caches verified status lists across calls. By default they are cached within one call only. */
  readonly statusListCache?: StatusListCache;
  /** DIDs whose status lists are accepted for any issuer's credentials. Other issuers' lists apply to their own credentials only. Default: none. */
  readonly trustedStatusIssuers?: readonly string[];
  /** The verifier's own id. A credential with an audience (`aud`) is rejected unless the audience includes this id. */
  readonly audience?: string;
  /** Returns the current time in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** Tolerated difference between clocks, in milliseconds. Default 30000. */
  readonly clockToleranceMs?: number;
  /** Limits on the resources that a peer's credentials can consume. */
  readonly limits?: Partial<VcLimits>;
  /** Aborts the verification: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Options of {@link verifyPresentation}. */
export interface VerifyPresentationOptions extends VerifyOptions {
  /** The challenge that was sent to the holder. Always set it: without one, a captured presentation can be replayed. */
  readonly nonce?: string;
  /** The verifier's own id, which the presentation's audience must include. Without it, a presentation with an audience is rejected. */
  readonly audience?: string;
}
