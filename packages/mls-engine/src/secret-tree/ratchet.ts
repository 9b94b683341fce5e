/** The two ratchets of a leaf (RFC 9420 §9.1). */
export type RatchetType = "handshake" | "application";

/** One ratchet. It holds no secret from which a consumed key follows. */
export interface Ratchet {
  /** The generation that `secret` belongs to. */
  next: number;
  secret: Uint8Array;
  /** Key and nonce, one behind the other, of generations that were skipped; in ascending order. */
  readonly skipped: Map<number, Uint8Array>;
}

/** Both ratchets of a leaf. */
export type LeafRatchets = Readonly<Record<RatchetType, Ratchet>>;

/** The last generation that is ever used, so that the one after it still has a number. */
export const LAST_GENERATION = 0xffff_fffe;
