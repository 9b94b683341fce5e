import { createHash } from "node:crypto";
import { FairShare, TransientMap, type FairShareLease } from "@parley/core/internal";
import { CredentialError } from "./credential-error.ts";

/** What {@link NonceMemory} is made with. */
export interface NonceMemoryOptions {
  /** How long a nonce is remembered, in milliseconds. */
  readonly windowMs: number;
  /** Nonces of all API keys; one may have a quarter, and an eighth is kept for keys that have none. */
  readonly maxEntries: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** The time by which nonces are forgotten: one that does not jump ahead. Default `now`. */
  readonly expiryNow?: () => number;
}

/** How far a signer's clock may be ahead of the node's, in milliseconds. */
const CLOCK_TOLERANCE_MS = 60_000;

/** Remembers which nonces holders have shown to verifiers, so that each is accepted once. */
export class NonceMemory {
  readonly #windowMs: number;
  readonly #share: FairShare;
  readonly #now: () => number;
  readonly #expiryNow: () => number;
  /** When each may be forgotten, in the order of their coming. */
  readonly #seen = new TransientMap<string, { readonly until: number; readonly lease: FairShareLease }>();

  constructor({ windowMs, maxEntries, now = Date.now, expiryNow = now }: NonceMemoryOptions) {
    this.#windowMs = windowMs;
    this.#share = new FairShare({ total: maxEntries, perOwner: Math.max(1, Math.floor(maxEntries / 4)) });
    this.#now = now;
    this.#expiryNow = expiryNow;
  }

  /**
   * Notes a nonce that has been verified.
   *
   * @param owner the API key that it is counted for.
   * @param signedAt when the presentation says that it was signed, in milliseconds since 1970.
   * @throws CredentialError `nonce_replayed`; `presentation_not_recent` when it was signed before the memory begins, or in the
   *   future; `busy` when the memory, or the key's share of it, is full: forgetting early would let nonces be replayed.
   */
  use(owner: string, verifierDid: string, holderDid: string, nonce: string, signedAt: number | undefined): void {
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
    if (this.#seen.has(key)) throw new CredentialError("nonce_replayed", "This nonce has been presented before");
    const lease = this.#share.tryAcquire(owner);
    if (lease === undefined) throw new CredentialError("busy", "Too many nonces are remembered");
    this.#seen.set(key, { until: expiryNow + this.#windowMs + CLOCK_TOLERANCE_MS, lease });
  }
}

function notRecent(aheadMs: number, windowMs: number): string {
  const seconds = `${Math.round(Math.abs(aheadMs) / 1000)} s`;
  if (aheadMs > 0)
    return `The presentation was signed ${seconds} ahead of this node's clock; compare the clocks of the signer and the node`;
  const limit = `nonces are remembered for ${Math.round(windowMs / 1000)} s`;
  return `The presentation was signed ${seconds} before this node's clock, and ${limit}; sign it again, or compare the clocks`;
}
