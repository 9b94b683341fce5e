import { Reader } from "../codec/reader.ts";
import { MLS10 } from "../codec/structures.ts";
import { encode } from "../codec/writer.ts";
import { MlsEngineError } from "../errors.ts";
import { readKeyPackage, type KeyPackage } from "../join/key-package.ts";
import { readWelcome, type Welcome } from "../join/welcome.ts";
import { WireFormat } from "./framed-content.ts";
import { MAX_MESSAGE_BYTES, parsePrivateMessage, type PrivateMessage } from "./private-message.ts";
import { readPublicMessage, type PublicMessage } from "./public-message.ts";

/** A parsed MLSMessage. It is well formed, and nothing in it is authenticated yet. */
export type ParsedMessage =
  | { readonly kind: "private"; readonly message: PrivateMessage }
  | { readonly kind: "public"; readonly message: PublicMessage }
  | { readonly kind: "welcome"; readonly message: Welcome }
  | { readonly kind: "key_package"; readonly message: KeyPackage };

/** The unencrypted fields of a message. They are not authenticated. */
export interface MessageInfo {
  /** `group_info` is only named: this package doesn't process one. */
  readonly kind: "private" | "public" | "welcome" | "key_package" | "group_info";
  /** Set for messages to a group (`private` and `public`), like the following two. */
  readonly groupId: Uint8Array | undefined;
  readonly epoch: bigint | undefined;
  readonly contentType: "application" | "proposal" | "commit" | undefined;
}

/**
 * Reads the kind of a message, and the group and epoch that it claims: to route it, not to trust it.
 *
 * @param maxBytes size limit; default 16 MiB
 * @throws MlsEngineError `malformed`, `too_large`, `unsupported`
 */
export function inspectMessage(bytes: Uint8Array, maxBytes: number = MAX_MESSAGE_BYTES): MessageInfo {
  const none = { groupId: undefined, epoch: undefined, contentType: undefined };
  if (bytes.length <= maxBytes && wireFormatOf(bytes) === WireFormat.groupInfo) return { kind: "group_info", ...none };
  const { kind, message } = readMlsMessage(bytes, maxBytes);
  if (kind === "welcome" || kind === "key_package") return { kind, ...none };
  return { kind, groupId: message.groupId.slice(), epoch: message.epoch, contentType: message.contentType };
}

/**
 * Reads an MLSMessage ([RFC 9420 §6](https://www.rfc-editor.org/rfc/rfc9420.html#section-6)) that fills all of the bytes. A PrivateMessage
 * consists of views of the input; anything else is a copy.
 *
 * @throws MlsEngineError `malformed`, `too_large`, `unsupported`
 */
export function readMlsMessage(bytes: Uint8Array, maxBytes: number): ParsedMessage {
  if (bytes.length > maxBytes) throw new MlsEngineError("too_large", `Message too large: ${bytes.length} bytes, limit ${maxBytes}`);
  const format = wireFormatOf(bytes);
  if (format === WireFormat.privateMessage) return { kind: "private", message: parsePrivateMessage(bytes, maxBytes) };
  const reader = new Reader(bytes.slice());
  reader.u32();
  const message = readBody(reader, format);
  reader.end();
  return message;
}

/** An MLSMessage with this content. */
export function encodeMlsMessage(format: number, content: Uint8Array): Uint8Array {
  return encode((w) => w.u16(MLS10).u16(format).raw(content), 4 + content.length);
}

function readBody(reader: Reader, format: number): ParsedMessage {
  switch (format) {
    case WireFormat.publicMessage:
      return { kind: "public", message: readPublicMessage(reader) };
    case WireFormat.welcome:
      return { kind: "welcome", message: readWelcome(reader) };
    case WireFormat.keyPackage:
      return { kind: "key_package", message: readKeyPackage(reader) };
    default:
      throw new MlsEngineError("unsupported", `Messages of wire format ${format} are not supported`);
  }
}

function wireFormatOf(bytes: Uint8Array): number {
  const reader = new Reader(bytes);
  if (reader.u16() !== MLS10) throw new MlsEngineError("unsupported", "The message is of an unsupported version of MLS");
  return reader.u16();
}
