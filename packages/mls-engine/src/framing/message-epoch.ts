import type { CipherSuite } from "../crypto/cipher-suite.ts";
import type { SecretTree } from "../secret-tree/secret-tree.ts";
import type { MessageGroup } from "./framed-content.ts";

/** The keys and the context that encrypt and decrypt the messages of one epoch. The owner of the epoch owns and erases all of it. */
export interface MessageEpoch extends MessageGroup {
  readonly suite: CipherSuite;
  /** The encoded GroupContext of the epoch. */
  readonly groupContext: Uint8Array;
  readonly senderDataSecret: Uint8Array;
  readonly tree: SecretTree;
  /** The signature key of the member at a leaf; `undefined` for a blank leaf. Each call returns the same array, so that it is imported once. */
  signaturePublicKey(leaf: number): Uint8Array | undefined;
}
