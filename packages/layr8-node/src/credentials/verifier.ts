import type { FairShareLease } from "@parley/core/internal";
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
import { createNetworkStatusFetch, type Resolution } from "../network/resolution.ts";
import type { NodeLimits } from "../options.ts";
import { CredentialError } from "./credential-error.ts";
import { VerificationSlots } from "./verification-slots.ts";

/** Options of {@link CredentialVerifier}. */
export interface CredentialVerifierOptions {
  readonly resolver: DidResolver;
  readonly status: StatusListFetch;
  /** How long a verified status list is cached, and so a revocation not noticed, in milliseconds. */
  readonly statusMaxAgeMs: number;
  /** Maximum concurrent verifications. One owner (API key, address) may use a quarter, and an eighth is reserved for owners without any. */
  readonly maxConcurrent: number;
  /** Time limit of one verification, in milliseconds; above it, `timeout`. */
  readonly timeoutMs: number;
}

/** Options of one verification. */
export interface VerificationOptions {
  /** The owner charged for it: an API key or an address. */
  readonly owner: string;
  /** DID of the verifier. A presentation or credential for other audiences is rejected. */
  readonly audience?: string | undefined;
  /** Aborts the verification; the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Whether it waits for the owner's others, if there are too many, for at most the time limit. Default: it fails with `busy`. */
  readonly waits?: boolean | undefined;
}

/** Options of the verification of a presentation. */
export interface PresentationOptions extends VerificationOptions {
  /** The required nonce. Whether it was presented before is not checked here. */
  readonly nonce?: string | undefined;
}

/** Maximum number of cached status lists of up to 2 MiB each. */
const MAX_STATUS_LISTS = 32;

/** Verifies credentials and presentations with the keys of hosted and other DIDs, with limited concurrency. */
export class CredentialVerifier {
  readonly #options: CredentialVerifierOptions;
  readonly #statusListCache: StatusListCache;
  readonly #slots: VerificationSlots;

  constructor(options: CredentialVerifierOptions) {
    this.#options = options;
    this.#slots = new VerificationSlots(options.maxConcurrent);
    this.#statusListCache = new StatusListCache({ maxAgeMs: options.statusMaxAgeMs, maxEntries: MAX_STATUS_LISTS });
  }

  /**
   * Verifies signature, issuer, dates and status of a credential in any format.
   *
   * @throws VcError; CredentialError `busy`, `timeout`.
   */
  verifyCredential(signed: string, { audience, ...verification }: VerificationOptions): Promise<VerifiedCredential> {
    return this.#run(verification, (options) => verifyCredential(signed, { ...options, ...(audience !== undefined && { audience }) }));
  }

  /**
   * Verifies signature, issuer and dates of a credential, whatever its status and audience.
   *
   * @throws VcError; CredentialError `busy`, `timeout`.
   */
  verifyIssued(signed: string, verification: VerificationOptions): Promise<VerifiedCredential> {
    return this.#run(verification, (options) => verifyCredential(signed, { ...options, status: "ignore" }));
  }

  /** Drops a cached status list that has changed. */
  forgetStatusList(url: string): void {
    this.#statusListCache.delete(url);
  }

  /**
   * Verifies a presentation and each of its credentials, in any format.
   *
   * @throws VcError; CredentialError `busy`, `timeout`.
   */
  verifyPresentation(signed: string, { audience, nonce, ...verification }: PresentationOptions): Promise<VerifiedPresentation> {
    return this.#run(verification, (options) =>
      verifyPresentation(signed, { ...options, ...(audience !== undefined && { audience }), ...(nonce !== undefined && { nonce }) }),
    );
  }

  async #run<T>(
    { owner, signal: outer, waits = false }: Omit<VerificationOptions, "audience">,
    verify: (options: VerifyOptions & { signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const { resolver, status, timeoutMs } = this.#options;
    outer?.throwIfAborted();
    const limit = new AbortController();
    const timer = setTimeout(
      () => limit.abort(new CredentialError("timeout", `The verification took more than ${timeoutMs} ms`)),
      timeoutMs,
    );
    const signal = outer === undefined ? limit.signal : AbortSignal.any([outer, limit.signal]);
    let slot: FairShareLease | undefined;
    try {
      slot = await this.#slots.take(owner, waits, signal);
      return await verify({ resolver, status, statusListCache: this.#statusListCache, signal });
    } catch (error) {
      // After an abort, its reason is thrown instead of errors that it caused.
      signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
      if (slot !== undefined) this.#slots.release(slot);
    }
  }
}

/**
 * Creates a verifier that uses documents of a resolver, and status lists of this node or from the network.
 *
 * @param readOwn the status list at a URL of this node; `undefined` for other URLs.
 */
export function createNetworkVerifier(
  resolver: DidResolver,
  resolution: Resolution,
  limits: NodeLimits,
  readOwn: (url: string) => Promise<string | undefined>,
): CredentialVerifier {
  const fetch = createNetworkStatusFetch(resolution);
  return new CredentialVerifier({
    resolver,
    status: async (url, options) => (await readOwn(url)) ?? fetch(url, options),
    statusMaxAgeMs: resolution.cacheTtlMs,
    maxConcurrent: limits.maxVerifications,
    timeoutMs: limits.verificationTimeoutMs,
  });
}
