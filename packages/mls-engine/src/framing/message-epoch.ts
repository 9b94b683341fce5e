import type { MessageCrypto } from "../crypto/mls-crypto.ts";
import type { SecretTree } from "../secret-tree/secret-tree.ts";

/** What messages of one epoch are sealed and opened with. All of it belongs to the epoch's owner, who erases it. */
export interface MessageEpoch {
  readonly crypto: MessageCrypto;
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  /** The encoded GroupContext of the epoch. */
  readonly groupContext: Uint8Array;
  readonly senderDataSecret: Uint8Array;
  readonly tree: SecretTree;
  /** The signature key of a member; `undefined` when there is no member at this leaf. The same array at each call, so that it is imported once. */
  signaturePublicKey(leaf: number): Uint8Array | undefined;
}

/** What a message may contain ([RFC 9420 §6](https://www.rfc-editor.org/rfc/rfc9420.html#section-6)). */
export type ContentType = "application" | "proposal" | "commit";

/** The ratchet that keys for this content come from. */
export function ratchetTypeOf(contentType: ContentType): "handshake" | "application" {
  return contentType === "application" ? "application" : "handshake";
}
