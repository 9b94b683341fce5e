import * as crypto from "node:crypto";
import { encodePlaintext, type JsonObject, type Message } from "@parley/core";
import { DidcommCryptoError, readEnvelopeAddresses, wrapEnvelope } from "@parley/didcomm-crypto";
import { didOf } from "@parley/did";

/** An envelope that the node can't read, as a message for its recipient. */
export interface UnreadEnvelope {
  /** According to the envelope's headers. */
  readonly sender: string | undefined;
  readonly recipient: string;
  readonly message: Message;
  readonly text: string;
}

/**
 * Wraps a posted envelope for the agent that can decrypt it. The id is a hash of the envelope, so that the same one is recognized when it is posted again.
 *
 * @returns `undefined` if it is malformed.
 */
export function readUnread(envelope: string | Uint8Array): UnreadEnvelope | undefined {
  const posted = typeof envelope === "string" ? envelope : Buffer.from(envelope).toString();
  try {
    const json = JSON.parse(posted) as JsonObject;
    const { senderKid, recipientDid: recipient } = readEnvelopeAddresses(json);
    const sender = senderKid === undefined ? undefined : didOf(senderKid);
    const id = crypto.hash("sha256", posted, "base64url");
    const message = wrapEnvelope(json, { id, from: sender ?? "", to: recipient });
    return { sender, recipient, message, text: JSON.stringify(encodePlaintext(message)) };
  } catch (error) {
    if (error instanceof DidcommCryptoError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
