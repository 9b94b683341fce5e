import { FairShare } from "@parley/core/internal";
import type { DidResolver } from "@parley/did";
import {
  StatusListCache,
  verifyCredential,
  verifyPresentation,
  type StatusListFetch,
  type VerifiedCredential,
  type VerifiedPresentation,
  type VerifyOptions,
} from "@parley/vc";
import { CredentialError } from "./credential-error.ts";

/** What a {@link CredentialVerifier} is made with. */
export interface CredentialVerifierOptions {
  readonly resolver: DidResolver;
  readonly status: StatusListFetch;
  /** How long a verified status list is kept, and so a revocation may go unnoticed, in milliseconds. */
  readonly statusMaxAgeMs: number;
  /** Verifications at the same time; one owner (API key, address) may have a quarter, and an eighth is kept for owners that have none. */
  readonly maxConcurrent: number;
  /** Longest time for one, in milliseconds; after it, `timeout`. */
  readonly timeoutMs: number;
}

/** Options of one verification. */
export interface VerificationOptions {
  /** Whom it is counted for: an API key or an address. */
  readonly owner: string;
  /** Who verifies. What is made for others is refused; a presentation must be made for the verifier if one is named. */
  readonly audience?: string | undefined;
  /** Stops it; the promise is rejected with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of the verification of a presentation. */
export interface PresentationOptions extends VerificationOptions {
  /** The nonce that it must have. Whether it was shown before is not looked at here. */
  readonly nonce?: string | undefined;
}

/** Status lists that are kept: each may have 2 MiB. */
const MAX_STATUS_LISTS = 32;

/** Verifies credentials and presentations with the keys of the node's own DIDs and of others, a limited number at a time. */
export class CredentialVerifier {
  readonly #options: CredentialVerifierOptions;
  readonly #statusListCache: StatusListCache;
  readonly #slots: FairShare;

  constructor(options: CredentialVerifierOptions) {
    this.#options = options;
    const { maxConcurrent } = options;
    this.#slots = new FairShare({ total: maxConcurrent, perOwner: Math.max(1, Math.floor(maxConcurrent / 4)) });
    this.#statusListCache = new StatusListCache({ maxAgeMs: options.statusMaxAgeMs, maxEntries: MAX_STATUS_LISTS });
  }

  /**
   * Verifies signature, issuer, dates and status of a credential in any format.
   *
   * @throws VcError; CredentialError `busy`, `timeout`.
   */
  verifyCredential(signed: string, { owner, signal, audience }: VerificationOptions): Promise<VerifiedCredential> {
    return this.#run(owner, signal, (options) => verifyCredential(signed, { ...options, ...(audience !== undefined && { audience }) }));
  }

  /**
   * Verifies a presentation and each of its credentials, in any format.
   *
   * @throws VcError; CredentialError `busy`, `timeout`.
   */
  verifyPresentation(signed: string, { owner, signal, audience, nonce }: PresentationOptions): Promise<VerifiedPresentation> {
    return this.#run(owner, signal, (options) =>
      verifyPresentation(signed, { ...options, ...(audience !== undefined && { audience }), ...(nonce !== undefined && { nonce }) }),
    );
  }

  async #run<T>(
    owner: string,
    outer: AbortSignal | undefined,
    verify: (options: VerifyOptions & { signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const { resolver, status, timeoutMs } = this.#options;
    outer?.throwIfAborted();
    const slot = this.#slots.tryAcquire(owner);
    if (slot === undefined) throw new CredentialError("busy", "Too much is being verified at once");
    const limit = new AbortController();
    const timer = setTimeout(
      () => limit.abort(new CredentialError("timeout", `The verification took more than ${timeoutMs} ms`)),
      timeoutMs,
    );
    const signal = outer === undefined ? limit.signal : AbortSignal.any([outer, limit.signal]);
    try {
      return await verify({ resolver, status, statusListCache: this.#statusListCache, signal });
    } catch (error) {
      // Whatever the abort has led to, its reason is what the caller is told.
      signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
      slot.release();
    }
  }
}
