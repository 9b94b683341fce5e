import { createHash } from "node:crypto";

/** A recipient's account, and when it first fetched the recipient's Welcomes. */
export interface WelcomeClaim {
  readonly accountId: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Stores changes of claims. */
export interface ClaimWriter {
  put(key: string, claim: WelcomeClaim): void;
  remove(key: string): void;
}

/** Largest number of claims. */
const MAX_CLAIMS = 100_000;
const MAX_CLAIMS_PER_ACCOUNT = 1000;

/**
 * The account of each recipient of Welcomes: the first one that fetched Welcomes of the recipient. A joiner fetches before it publishes the
 * reference of its key package, so no other member can claim the recipient first, acknowledge the Welcome and thereby remove it.
 *
 * An account with too many claims loses its own oldest one, so that it can't remove the claims of others.
 */
export class WelcomeClaims {
  readonly #writer: ClaimWriter | undefined;
  /** Oldest first. */
  readonly #claims = new Map<string, WelcomeClaim>();
  readonly #byAccount = new Map<string, Set<string>>();

  constructor(writer?: ClaimWriter) {
    this.#writer = writer;
  }

  /** Adds a stored claim. Stored claims must be added oldest first. */
  load(key: string, claim: WelcomeClaim): void {
    this.#claims.set(key, claim);
    this.#byAccount.set(claim.accountId, (this.#byAccount.get(claim.accountId) ?? new Set()).add(key));
  }

  /** Removes a claim that was removed where it is stored. */
  unload(key: string): void {
    this.#remove(key);
  }

  /** The account that has a claim. */
  ownerOf(key: string): string | undefined {
    return this.#claims.get(key)?.accountId;
  }

  /** Claims of an account beyond the limits, its oldest ones first. */
  surplus(accountId: string): readonly string[] {
    const own = [...(this.#byAccount.get(accountId) ?? [])];
    const count = Math.max(own.length - MAX_CLAIMS_PER_ACCOUNT, Math.min(own.length, this.#claims.size - MAX_CLAIMS));
    return own.slice(0, Math.max(0, count));
  }

  /** Claims from before a time. */
  before(time: number): readonly string[] {
    return [...this.#claims].flatMap(([key, { at }]) => (at < time ? [key] : []));
  }

  /** Claims a recipient that no account has claimed. Returns whether it belongs to the account, and whether the claim is new. */
  claim(channel: string, recipient: Uint8Array, claim: WelcomeClaim): { readonly isOwn: boolean; readonly isNew: boolean } {
    const key = claimKey(channel, recipient);
    const known = this.#claims.get(key);
    if (known !== undefined) return { isOwn: known.accountId === claim.accountId, isNew: false };
    this.#makeRoom(claim.accountId);
    this.load(key, claim);
    this.#writer?.put(key, claim);
    return { isOwn: true, isNew: true };
  }

  /** Removes a claim whose write failed. */
  revert(channel: string, recipient: Uint8Array): void {
    this.#remove(claimKey(channel, recipient));
  }

  /** Removes claims from before a time. Returns whether there were any. */
  expire(oldest: number): boolean {
    const { size } = this.#claims;
    for (const [key, { at }] of this.#claims) {
      if (at >= oldest) break;
      this.#remove(key);
      this.#writer?.remove(key);
    }
    return this.#claims.size < size;
  }

  #makeRoom(accountId: string): void {
    const own = this.#byAccount.get(accountId);
    const isFull = this.#claims.size >= MAX_CLAIMS;
    if (!isFull && (own?.size ?? 0) < MAX_CLAIMS_PER_ACCOUNT) return;
    const [key] = own ?? this.#claims.keys();
    if (key === undefined) return;
    this.#remove(key);
    this.#writer?.remove(key);
  }

  #remove(key: string): void {
    const accountId = this.#claims.get(key)?.accountId;
    this.#claims.delete(key);
    if (accountId === undefined) return;
    const own = this.#byAccount.get(accountId);
    own?.delete(key);
    if (own?.size === 0) this.#byAccount.delete(accountId);
  }
}

/** Names the claim of a recipient on a channel. */
export function claimKey(channel: string, recipient: Uint8Array): string {
  return createHash("sha256")
    .update(`${Buffer.byteLength(channel)} ${channel}`)
    .update(recipient)
    .digest("hex");
}
