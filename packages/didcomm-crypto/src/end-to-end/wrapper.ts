import { createMessage, isJsonObject, type JsonObject, type Message } from "@parley/core";
import { parseJwe } from "../jwe/parse-jwe.ts";
import { readLimits } from "../unpack-limits.ts";

/** The protocol of encrypted messages between agents that hold their keys themselves. They bind it when they join their node. */
export const END_TO_END_PROTOCOL = "https://parley.dev/end-to-end/1.0";
/** Type of a {@link wrapEnvelope | wrapper}. */
export const WRAPPER_TYPE: string = `${END_TO_END_PROTOCOL}/encrypted`;

const MEDIA_TYPE = "application/didcomm-encrypted+json";

/** The visible headers of a wrapper. */
export interface WrapperHeaders {
  /** Id of the wrapper. The encrypted message has its own. */
  readonly id?: string;
  readonly from: string;
  readonly to: string;
  readonly threadId?: string | undefined;
  /** Seconds since 1970. */
  readonly expiresTime?: number | undefined;
}

/**
 * Makes the message that carries an encrypted one between an agent and its node: a plaintext whose only attachment is the envelope.
 *
 * @param envelope a JWE as JSON.
 */
export function wrapEnvelope(envelope: JsonObject, { id, from, to, threadId, expiresTime }: WrapperHeaders): Message {
  return createMessage({
    type: WRAPPER_TYPE,
    from,
    to,
    attachments: [{ id: "envelope", mediaType: MEDIA_TYPE, data: { json: envelope } }],
    ...(id !== undefined && { id }),
    ...(threadId !== undefined && { threadId }),
    ...(expiresTime !== undefined && { expiresTime }),
  });
}

/** The envelope in a wrapper, as {@link wrapEnvelope} makes it; `undefined` for any other message. Nothing else may be attached: a node would read it. */
export function unwrapEnvelope({ type, attachments = [] }: Pick<Message, "type" | "attachments">): JsonObject | undefined {
  const [attachment, ...others] = attachments;
  if (type !== WRAPPER_TYPE || attachment === undefined || others.length > 0) return undefined;
  const { mediaType, format, data } = attachment;
  const { json, ...otherData } = data;
  const isWrapper = mediaType === MEDIA_TYPE && format === undefined && Object.values(otherData).every((value) => value === undefined);
  return isWrapper && isJsonObject(json) ? json : undefined;
}

/** Whom an envelope is from and for, according to its headers. */
export interface EnvelopeAddresses {
  /** Id of the sender's key, with authcrypt. Only the recipient can verify it. */
  readonly senderKid: string | undefined;
  /** The DID of all recipient keys. */
  readonly recipientDid: string;
}

/**
 * Reads the headers of an encrypted message without decrypting it. Its form is checked as for decryption.
 *
 * @throws DidcommCryptoError
 */
export function readEnvelopeAddresses(envelope: JsonObject): EnvelopeAddresses {
  const { header, recipientDid } = parseJwe(envelope, readLimits(undefined));
  return { senderKid: header.skid, recipientDid };
}
