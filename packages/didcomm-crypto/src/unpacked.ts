import type { Message, PlaintextError } from "@parley/core";
import type { LayerAlgorithms } from "./jwe/algorithms.ts";
import type { SignatureAlgorithm } from "./jws/algorithms.ts";

/** What the envelopes of a message prove about it. */
export interface UnpackMetadata {
  readonly encrypted: boolean;
  /** Whether authcrypt or a signature proves the sender. */
  readonly authenticated: boolean;
  /** Whether the message is signed, so that third parties can verify the sender (non-repudiation). */
  readonly signed: boolean;
  /** Whether the outermost encryption hides the sender from intermediaries. */
  readonly anonymousSender: boolean;
  /** Id of our key that decrypted the innermost encryption. */
  readonly recipientKid?: string;
  /** Ids of all recipient keys of the innermost encryption, including ours. */
  readonly encryptedToKids: readonly string[];
  /** Id of the sender's key, with authcrypt. */
  readonly encryptedFromKid?: string;
  /** Id of the signer's key. */
  readonly signFromKid?: string;
  /** The algorithms of each layer of encryption, outermost first. */
  readonly encryption: readonly LayerAlgorithms[];
  readonly signAlg?: SignatureAlgorithm;
}

/** An unpacked message. */
export interface Unpacked {
  readonly message: Message;
  /** The proven DID of the sender. `undefined` for anonymous messages, whose `message.from` is unverified. */
  readonly sender: string | undefined;
  /** The plaintext JSON as received. */
  readonly plaintext: string;
  /** One error for each attachment that could not be decoded and is missing from `message.attachments`. */
  readonly attachmentFaults: readonly PlaintextError[];
  readonly metadata: UnpackMetadata;
}
