import { decodeWhole, type Reader } from "../codec/reader.ts";
import { MLS10 } from "../codec/structures.ts";
import { vectorSize, Writer } from "../codec/writer.ts";
import { MlsEngineError } from "../errors.ts";
import { readContentType, WireFormat, writeContentType, type ContentType, type MessageGroup } from "./framed-content.ts";

/**
 * An encrypted message ([RFC 9420 §6.3](https://www.rfc-editor.org/rfc/rfc9420.html#section-6.3)) as it was parsed. Nothing in it is
 * authenticated yet.
 */
export interface PrivateMessage extends MessageGroup {
  readonly contentType: ContentType;
  readonly authenticatedData: Uint8Array;
  readonly encryptedSenderData: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** Default size limit of a message that is read: 16 MiB. */
export const MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;

/** A PrivateMessage in an MLSMessage. */
export function encodePrivateMessage(message: PrivateMessage): Uint8Array {
  const { groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext } = message;
  const capacity =
    13 +
    vectorSize(groupId.length) +
    vectorSize(authenticatedData.length) +
    vectorSize(encryptedSenderData.length) +
    vectorSize(ciphertext.length);
  const writer = new Writer(capacity).u16(MLS10).u16(WireFormat.privateMessage).vector(groupId).u64(epoch);
  return writeContentType(writer, contentType).vector(authenticatedData).vector(encryptedSenderData).vector(ciphertext).finish();
}

/**
 * Reads an MLSMessage that holds a PrivateMessage. The result consists of views of the input.
 *
 * @throws MlsEngineError `malformed`, `too_large`, `unsupported` (another version or wire format)
 */
export function parsePrivateMessage(bytes: Uint8Array, maxBytes: number = MAX_MESSAGE_BYTES): PrivateMessage {
  if (bytes.length > maxBytes) throw new MlsEngineError("too_large", `Message too large: ${bytes.length} bytes, limit ${maxBytes}`);
  return decodeWhole(bytes, readPrivateMessage);
}

function readPrivateMessage(r: Reader): PrivateMessage {
  if (r.u16() !== MLS10) throw new MlsEngineError("unsupported", "The message is of an unsupported version of MLS");
  if (r.u16() !== WireFormat.privateMessage) throw new MlsEngineError("unsupported", "The message is not a PrivateMessage");
  const groupId = r.vector();
  const epoch = r.u64();
  const contentType = readContentType(r);
  return { groupId, epoch, contentType, authenticatedData: r.vector(), encryptedSenderData: r.vector(), ciphertext: r.vector() };
}

/** PrivateContentAAD (RFC 9420 §6.3.1): the additional data of the encrypted content. */
export function privateContentAad(group: MessageGroup, contentType: ContentType, authenticatedData: Uint8Array): Uint8Array {
  const writer = new Writer(9 + vectorSize(group.groupId.length) + vectorSize(authenticatedData.length));
  return writeContentType(writer.vector(group.groupId).u64(group.epoch), contentType).vector(authenticatedData).finish();
}

/** SenderDataAAD (RFC 9420 §6.3.2): the additional data of the encrypted sender data. */
export function senderDataAad({ groupId, epoch }: MessageGroup, contentType: ContentType): Uint8Array {
  const writer = new Writer(9 + vectorSize(groupId.length));
  return writeContentType(writer.vector(groupId).u64(epoch), contentType).finish();
}
