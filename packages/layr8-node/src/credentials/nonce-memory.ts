import { createHash } from "node:crypto";
import { FairShare, ChurnMap, type FairShareLease } from "@parley/core/internal";
import { CredentialError } from "./credential-error.ts";

/** Nonces that several nodes have seen. */
export interface NonceRegister {
  /**
   * Adds a nonce, for as long as {@link NonceMemory} remembers it.
   *
   * @returns whether no node has added it before. After an interruption, it may have been this one.
   * @throws StorageError `storage_failed`
   */
  add(nonce: string): Promise<boolean>;
}

/** Options of {@link NonceMemory}. */
export interface NonceMemoryOptions {
  /** How long a nonce is remembered, in milliseconds. */
  readonly windowMs: number;
  /** Maximum nonces of all API keys. One key may use a quarter, and an eighth is reserved for keys without any. */
  readonly maxEntries: number;
  /** Nonces of other nodes. Default: the node shares none. */
  readonly shared?: NonceRegister | undefined;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** The time by which nonces expire, which doesn't jump ahead. Default `now`. */
  readonly expiryNow?: () => number;
}

/** How far a signer's clock may be ahead of the node's, in milliseconds. */
const CLOCK_TOLERANCE_MS = 60_000;

/** How long a nonce is remembered: as long as its presentation is accepted. */
export function nonceTimeMs(windowMs: number): number {
  return windowMs + CLOCK_TOLERANCE_MS;
}

/** Records the nonces that holders have presented to verifiers, so that each is accepted once. */
export class NonceMemory {
  readonly #windowMs: number;
  readonly #share: FairShare;
  readonly #shared: NonceRegister | undefined;
  readonly #now: () => number;
  readonly #expiryNow: () => number;
  /** Expiry of each nonce, in insertion order. */
  readonly #seen = new ChurnMap<string, { readonly until: number; readonly lease: FairShareLease }>();

  constructor({ windowMs, maxEntries, shared, now = Date.now, expiryNow = now }: NonceMemoryOptions) {
    this.#windowMs = windowMs;
    this.#shared = shared;
    this.#share = new FairShare({ total: maxEntries, perOwner: Math.max(1, Math.floor(maxEntries / 4)) });
    this.#now = now;
    this.#expiryNow = expiryNow;
  }

  /**
   * Records a verified nonce.
   *
   * @param owner the API key charged for it.
   * @param signedAt time of signing stated in the presentation, in milliseconds since 1970.
   * @throws CredentialError `nonce_replayed`; `presentation_not_recent` when it was signed before the window, or in the future; `busy` when
   *   the limit, or the key's share, is reached: dropping nonces early would allow replays. StorageError `storage_failed`.
   */
  async use(owner: string, verifierDid: string, holderDid: string, nonce: string, signedAt: number | undefined): Promise<void> {
    const now = this.#now();
    if (signedAt !== undefined && !(signedAt >= now - this.#windowMs && signedAt <= now + CLOCK_TOLERANCE_MS)) {
      throw new CredentialError("presentation_not_recent", notRecent(signedAt - now, this.#windowMs));
    }
    const expiryNow = this.#expiryNow();
    for (const [key, { until, lease }] of this.#seen) {
      if (until > expiryNow) break;
      lease.release();
      this.#seen.delete(key);
    }
    const key = createHash("sha256")
      .update(JSON.stringify([verifierDid, holderDid, nonce]))
      .digest("base64url");
    if (this.#seen.has(key)) throw replayed();
    const lease = this.#share.tryAcquire(owner);
    if (lease === undefined) throw new CredentialError("busy", "Too many nonces are remembered");
    this.#seen.set(key, { until: expiryNow + nonceTimeMs(this.#windowMs), lease });
    if ((await this.#shared?.add(key)) === false) throw replayed();
  }
}

function replayed(): CredentialError {
  return new CredentialError("nonce_replayed", "This nonce has been presented before");
}

function notRecent(aheadMs: number, windowMs: number): string {
  const seconds = `${Math.round(Math.abs(aheadMs) / 1000)} s`;
  if (aheadMs > 0)
    return `The presentation was signed ${seconds} ahead of this node's clock; compare the clocks of the signer and the node`;
  const limit = `nonces are remembered for ${Math.round(windowMs / 1000)} s`;
  return `The presentation was signed ${seconds} before this node's clock, and ${limit}; sign it again, or compare the clocks`;
}
