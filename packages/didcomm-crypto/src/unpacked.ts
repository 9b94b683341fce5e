import type { Message, PlaintextError } from "@parley/core";
import type { LayerAlgorithms } from "./jwe/algorithms.ts";
import type { SignatureAlgorithm } from "./jws/algorithms.ts";

/** What the envelopes of a message prove. */
export interface UnpackMetadata {
  readonly encrypted: boolean;
  /** The sender is proven: by authcrypt, or by a signature. */
  readonly authenticated: boolean;
  /** The sender can't deny it: a third party can check the signature. */
  readonly signed: boolean;
  /** The outermost encryption hides the sender from those who carry the message. */
  readonly anonymousSender: boolean;
  /** Our key that decrypted it; that of the innermost encryption. */
  readonly recipientKid?: string;
  /** All keys that it is encrypted for, ours among them; those of the innermost encryption. */
  readonly encryptedToKids: readonly string[];
  /** The sender's key, with authcrypt. */
  readonly encryptedFromKid?: string;
  /** The signer's key. */
  readonly signFromKid?: string;
  /** The algorithms of each layer of encryption, the outermost first. */
  readonly encryption: readonly LayerAlgorithms[];
  readonly signAlg?: SignatureAlgorithm;
}

/** A message out of its envelopes. */
export interface Unpacked {
  readonly message: Message;
  /** The DID that the message is proven to be from. `undefined` for anonymous messages: their `message.from` is what anybody wrote. */
  readonly sender: string | undefined;
  /** The message as it came: JSON. */
  readonly plaintext: string;
  /** One error for each attachment that could not be read and is missing from `message.attachments`. */
  readonly attachmentFaults: readonly PlaintextError[];
  readonly metadata: UnpackMetadata;
}
