import type { MessageCrypto } from "../crypto/mls-crypto.ts";

/** The two ratchets of a leaf (RFC 9420 §9.1). */
export type RatchetType = "handshake" | "application";

/** Key and nonce of one generation. The nonce is not yet combined with the reuse guard. */
export interface MessageKey {
  readonly generation: number;
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
}

/** How far out of order messages may come. */
export interface RatchetLimits {
  /** Keys of skipped generations that are kept per ratchet. Default 1000… settle it. */
  readonly maxSkippedKeys: number;
  /** Generations that a message may be ahead of its ratchet. */
  readonly maxForwardSteps: number;
}

/**
 * The secret tree of one epoch (RFC 9420 §9), derived lazily: O(log n) at the first message of a sender, nothing before.
 *
 * It is the only owner of the epoch's message keys, for application and handshake messages. Every consumption is reported as a change
 * that a store can keep: replaying the changes over a snapshot gives the same tree.
 */
export declare class SecretTree {
  /** @param encryptionSecret is erased. */
  static create(crypto: MessageCrypto, encryptionSecret: Uint8Array, leafCount: number, limits: RatchetLimits): SecretTree;
}
