/** The two ratchets of a leaf ([RFC 9420 §9.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-9.1)). */
export type RatchetType = "handshake" | "application";

/** The ratchet that the keys for a kind of content come from. */
export function ratchetTypeOf(contentType: "application" | "proposal" | "commit"): RatchetType {
  return contentType === "application" ? "application" : "handshake";
}

/** One ratchet. It holds no secret from which a consumed key can be derived. */
export interface Ratchet {
  /** The generation of `secret`. */
  next: number;
  secret: Uint8Array;
  /** Concatenated keys and nonces of skipped generations, by generation in ascending order. */
  readonly skipped: Map<number, Uint8Array>;
}

/** Both ratchets of a leaf. */
export type LeafRatchets = Readonly<Record<RatchetType, Ratchet>>;

/** The last usable generation. The one after it still fits into 32 bits, as the next generation of a used-up ratchet. */
export const LAST_GENERATION = 0xffff_fffe;

/** Size limit of a stored secret tree, in leaves. Far beyond any group whose commits fit into a message. */
export const MAX_LEAVES: number = 2 ** 20;
