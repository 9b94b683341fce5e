import type { DidResolver } from "@parley/did";
import type { VcLimits } from "./limits.ts";
import type { StatusListCache } from "./status/status-list-cache.ts";
import type { StatusListFetch } from "./status/status-list-fetch.ts";

/** Options of {@link verifyCredential}. */
export interface VerifyOptions {
  /** Finds the documents of issuers and holders. */
  readonly resolver: DidResolver;
  /**
   * Gets status list credentials. Without it, a credential that has a status is refused (`status_unavailable`); `"ignore"` skips the
   * check.
   */
  readonly status?: StatusListFetch | "ignore";
  /** Milliseconds that getting one status list may take. Default 10000. */
  readonly statusTimeoutMs?: number;
  /** Keeps verified status lists from one call to the next. Default: within one call only. */
  readonly statusListCache?: StatusListCache;
  /** DIDs whose status lists are believed for any issuer's credentials. Others may only speak for their own. Default: none. */
  readonly trustedStatusIssuers?: readonly string[];
  /** The verifier's own id. A credential made for another audience (`aud`) is refused, and so is one made for any, without this. */
  readonly audience?: string;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** How far clocks may differ. Default 30000. */
  readonly clockToleranceMs?: number;
  /** Caps on what a stranger's text may cost. */
  readonly limits?: Partial<VcLimits>;
  /** Stops waiting; the promise is rejected with its reason. */
  readonly signal?: AbortSignal;
}

/** Options of {@link verifyPresentation}. */
export interface VerifyPresentationOptions extends VerifyOptions {
  /** The challenge that this must be the answer to. Give it: without one, whoever overheard a presentation can show it again. */
  readonly nonce?: string;
  /** The verifier's own id, which the presentation must be made for. Without it, one that names any audience is refused. */
  readonly audience?: string;
}
