import type { Message } from "@parley/core";
import { didOf } from "@parley/did";

/** Who the layers around a plaintext say that it is from and for. */
export interface Addressing {
  /** The DID of the recipients' keys, of each layer of encryption. */
  readonly recipientDids: readonly string[];
  /** The DID of the sender's key, with authcrypt. */
  readonly senderDid: string | undefined;
  /** The DID of the signer's key, if it is signed. */
  readonly signerDid: string | undefined;
}

/** What is wrong between a plaintext and its layers. */
export interface AddressingFault {
  readonly code: "from_mismatch" | "to_mismatch";
  readonly message: string;
}

/**
 * Compares a plaintext's `from` and `to` with the keys of its layers; the same rules hold for writers and readers.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#message-layer-addressing-consistency | DIDComm v2.1, Message Layer Addressing Consistency}
 */
export function findAddressingFault({ from, to }: Message, layers: Addressing): AddressingFault | undefined {
  const { recipientDids, senderDid, signerDid } = layers;
  if (senderDid !== undefined && from !== senderDid) return fromFault("encrypted");
  if (signerDid !== undefined && from !== signerDid) return fromFault("signed");
  const [recipientDid, ...others] = recipientDids;
  if (recipientDid === undefined) return undefined;
  if (others.some((did) => did !== recipientDid)) return toFault("The layers are encrypted for different DIDs");
  if (to.length === 0) {
    // Else the recipient could encrypt for somebody else what was signed for it.
    return signerDid === undefined ? undefined : toFault("What is signed and encrypted must say whom it is to");
  }
  return to.some((entry) => didOf(entry) === recipientDid) ? undefined : toFault("The recipient's DID is not among to");
}

function fromFault(how: string): AddressingFault {
  return { code: "from_mismatch", message: `from must be the DID whose key has ${how} the message` };
}

function toFault(message: string): AddressingFault {
  return { code: "to_mismatch", message };
}
