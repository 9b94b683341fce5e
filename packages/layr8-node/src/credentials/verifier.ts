import type { DidResolver } from "@parley/did";
import {
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
  /** Verifications at the same time; above it, `busy`. */
  readonly maxConcurrent: number;
  /** Longest time for one, in milliseconds; after it, `timeout`. */
  readonly timeoutMs: number;
}

/** Options of one verification. */
export interface VerificationOptions {
  /** Stops it; the promise is rejected with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of the verification of a presentation. */
export interface PresentationOptions extends VerificationOptions {
  /** Whom the presentation must be for. */
  readonly audience?: string | undefined;
  /** The nonce that it must have. Whether it was shown before is not looked at here. */
  readonly nonce?: string | undefined;
}

/** Verifies credentials and presentations with the keys of the node's own DIDs and of others, a limited number at a time. */
export class CredentialVerifier {
  readonly #options: CredentialVerifierOptions;
  #running = 0;

  constructor(options: CredentialVerifierOptions) {
    this.#options = options;
  }

  /**
   * Verifies signature, issuer, dates and status of a credential in any format.
   *
   * @throws VcError; DidError when the issuer's DID can't be resolved; CredentialError `busy`, `timeout`.
   */
  verifyCredential(signed: string, { signal }: VerificationOptions = {}): Promise<VerifiedCredential> {
    return this.#run(signal, (options) => verifyCredential(signed, options));
  }

  /**
   * Verifies a presentation and each of its credentials, in any format.
   *
   * @throws VcError; DidError when a DID can't be resolved; CredentialError `busy`, `timeout`.
   */
  verifyPresentation(signed: string, { signal, audience, nonce }: PresentationOptions = {}): Promise<VerifiedPresentation> {
    return this.#run(signal, (options) =>
      verifyPresentation(signed, { ...options, ...(audience !== undefined && { audience }), ...(nonce !== undefined && { nonce }) }),
    );
  }

  async #run<T>(outer: AbortSignal | undefined, verify: (options: VerifyOptions & { signal: AbortSignal }) => Promise<T>): Promise<T> {
    const { resolver, status, maxConcurrent, timeoutMs } = this.#options;
    outer?.throwIfAborted();
    if (this.#running >= maxConcurrent) throw new CredentialError("busy", "Too much is being verified at once");
    this.#running += 1;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await verify({ resolver, status, signal: outer === undefined ? timeout : AbortSignal.any([outer, timeout]) });
    } catch (error) {
      outer?.throwIfAborted();
      if (timeout.aborted) throw new CredentialError("timeout", `The verification took more than ${timeoutMs} ms`);
      throw error;
    } finally {
      this.#running -= 1;
    }
  }
}
