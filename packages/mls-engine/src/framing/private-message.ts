import { MlsError } from "../errors.ts";
import type { ContentType } from "./message-epoch.ts";
import { malformed, Reader } from "../codec/reader.ts";
import { vectorSize, Writer } from "../codec/sized-writer.ts";

/** An encrypted message ([RFC 9420 §6.3](https://www.rfc-editor.org/rfc/rfc9420.html#section-6.3)). Nothing of it is authenticated yet. */
export interface PrivateMessage {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly contentType: ContentType;
  readonly authenticatedData: Uint8Array;
  readonly encryptedSenderData: Uint8Array;
  readonly ciphertext: Uint8Array;
}

const VERSION = 1;
/** The wire format number of a PrivateMessage. */
export const PRIVATE_MESSAGE = 2;
const CONTENT_TYPES: Record<ContentType, number> = { application: 1, proposal: 2, commit: 3 };
const TYPES: readonly (ContentType | undefined)[] = [undefined, "application", "proposal", "commit"];

export function contentTypeNumber(type: ContentType): number {
  return CONTENT_TYPES[type];
}

/** The whole MLSMessage. */
export function encodePrivateMessage(message: PrivateMessage): Uint8Array {
  const { groupId, authenticatedData, encryptedSenderData, ciphertext } = message;
  const size =
    4 +
    vectorSize(groupId.length) +
    9 +
    vectorSize(authenticatedData.length) +
    vectorSize(encryptedSenderData.length) +
    vectorSize(ciphertext.length);
  return new Writer(size)
    .u16(VERSION)
    .u16(PRIVATE_MESSAGE)
    .vector(groupId)
    .u64(message.epoch)
    .u8(CONTENT_TYPES[message.contentType])
    .vector(authenticatedData)
    .vector(encryptedSenderData)
    .vector(ciphertext)
    .finish();
}

/** Largest message that is read unless another limit is given: 16 MiB. */
export const MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;

/**
 * Reads an MLSMessage that holds a PrivateMessage. What it gives are views of the input.
 *
 * @throws MlsError `malformed`, `too_large`, `unsupported` (another version or wire format)
 */
export function parsePrivateMessage(bytes: Uint8Array, maxBytes: number = MAX_MESSAGE_BYTES): PrivateMessage {
  if (bytes.length > maxBytes) throw new MlsError("too_large", `A message may have ${maxBytes} bytes; this one has ${bytes.length}`);
  const reader = new Reader(bytes);
  if (reader.u16() !== VERSION) throw new MlsError("unsupported", "The message is of another version of MLS");
  if (reader.u16() !== PRIVATE_MESSAGE) throw new MlsError("unsupported", "The message is no PrivateMessage");
  const groupId = reader.vector();
  const epoch = reader.u64();
  const contentType = TYPES[reader.u8()];
  if (contentType === undefined) throw malformed("The message has an unknown type of content");
  const authenticatedData = reader.vector();
  const encryptedSenderData = reader.vector();
  const ciphertext = reader.vector();
  reader.end();
  return { groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext };
}

/** PrivateContentAAD; without authenticated data, SenderDataAAD (RFC 9420 §6.3.1, §6.3.2). */
export function encodeAad(groupId: Uint8Array, epoch: bigint, contentType: ContentType, authenticatedData?: Uint8Array): Uint8Array {
  const size = vectorSize(groupId.length) + 9 + (authenticatedData === undefined ? 0 : vectorSize(authenticatedData.length));
  const writer = new Writer(size).vector(groupId).u64(epoch).u8(CONTENT_TYPES[contentType]);
  return (authenticatedData === undefined ? writer : writer.vector(authenticatedData)).finish();
}
