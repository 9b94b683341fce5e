import type { Message } from "@parley/core";
import { didOf } from "@parley/did";

/** The sender and the recipients according to the layers around a plaintext. */
export interface Addressing {
  /** The DID of the recipients' keys, for each layer of encryption. */
  readonly recipientDids: readonly string[];
  /** The DID of the sender's key, with authcrypt. */
  readonly senderDid: string | undefined;
  /** The DID of the signer's key, if the message is signed. */
  readonly signerDid: string | undefined;
}

/** Why a plaintext contradicts its layers. */
export interface AddressingRejection {
  readonly code: "from_mismatch" | "to_mismatch";
  readonly message: string;
}

/** The result of {@link checkAddressing}. */
export type AddressingResult = { readonly ok: true } | { readonly ok: false; readonly rejection: AddressingRejection };

/**
 * Compares `from` and `to` of a plaintext with the keys of its layers. `pack` and `unpack` apply the same rules.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#message-layer-addressing-consistency | DIDComm v2.1, Message Layer Addressing Consistency}
 */
export function checkAddressing({ from, to }: Message, { recipientDids, senderDid, signerDid }: Addressing): AddressingResult {
  if (senderDid !== undefined && from !== senderDid) return fromMismatch("encrypted");
  if (signerDid !== undefined && from !== signerDid) return fromMismatch("signed");
  const [recipientDid, ...others] = recipientDids;
  if (recipientDid === undefined) return { ok: true };
  if (others.some((did) => did !== recipientDid)) return toMismatch("The layers are encrypted for different DIDs");
  // A recipient could re-encrypt a signed message without `to` for another DID.
  if (to.length === 0) return signerDid === undefined ? { ok: true } : toMismatch("A message that is signed and encrypted must have to");
  return to.some((entry) => didOf(entry) === recipientDid) ? { ok: true } : toMismatch("The recipient's DID is not in to");
}

function fromMismatch(operation: "encrypted" | "signed"): AddressingResult {
  return { ok: false, rejection: { code: "from_mismatch", message: `from must be the DID whose key ${operation} the message` } };
}

function toMismatch(message: string): AddressingResult {
  return { ok: false, rejection: { code: "to_mismatch", message } };
}
