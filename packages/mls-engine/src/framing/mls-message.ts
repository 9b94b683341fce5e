import { encode, Reader } from "../codec/codec.ts";
import { ContentType, WireFormat } from "./framed-content.ts";
import { readKeyPackage, type KeyPackage } from "../join/key-package.ts";
import { readPublicMessage, type PublicMessage } from "./public-message.ts";
import { MLS10 } from "../codec/structures.ts";
import { readWelcome, type Welcome } from "../join/welcome.ts";
import { MlsError } from "../errors.ts";
import { MAX_MESSAGE_BYTES, parsePrivateMessage, type PrivateMessage } from "./private-message.ts";

/** A message as read: well formed, and nothing of it checked. */
export type WireMessage =
  | { readonly kind: "private"; readonly message: PrivateMessage }
  | { readonly kind: "public"; readonly message: PublicMessage }
  | { readonly kind: "welcome"; readonly message: Welcome }
  | { readonly kind: "key_package"; readonly message: KeyPackage };

/** What anybody can read in a message, without keys and without proof. */
export interface MessageInfo {
  /** `group_info` is known by name only; nothing here takes one. */
  readonly kind: "private" | "public" | "welcome" | "key_package" | "group_info";
  /** Of a message to a group. */
  readonly groupId: Uint8Array | undefined;
  readonly epoch: bigint | undefined;
  readonly contentType: "application" | "proposal" | "commit" | undefined;
}

/**
 * Says what kind of message some bytes are, and of which group and epoch they claim to be: for routing, not for trust.
 *
 * @throws MlsError `malformed`, `too_large`, `unsupported`
 */
export function inspectMessage(bytes: Uint8Array, maxBytes: number = MAX_MESSAGE_BYTES): MessageInfo {
  if (bytes.length <= maxBytes && wireFormatOf(bytes) === WireFormat.groupInfo) {
    return { kind: "group_info", groupId: undefined, epoch: undefined, contentType: undefined };
  }
  const { kind, message } = readWire(bytes, maxBytes);
  if (kind === "private") return { kind, groupId: message.groupId.slice(), epoch: message.epoch, contentType: message.contentType };
  if (kind === "public") {
    const contentType = message.contentType === ContentType.commit ? "commit" : "proposal";
    return { kind, groupId: message.groupId.slice(), epoch: message.epoch, contentType };
  }
  return { kind, groupId: undefined, epoch: undefined, contentType: undefined };
}

/** Reads an MLSMessage (RFC 9420 §6) to its last byte. A private message is a view of the input, anything else a copy. */
export function readWire(bytes: Uint8Array, maxBytes: number): WireMessage {
  if (bytes.length > maxBytes) throw new MlsError("too_large", `A message may have ${maxBytes} bytes; this one has ${bytes.length}`);
  const format = wireFormatOf(bytes);
  if (format === WireFormat.privateMessage) return { kind: "private", message: parsePrivateMessage(bytes, maxBytes) };
  const reader = new Reader(bytes.slice());
  reader.u32();
  const message = readBody(reader, format);
  reader.end();
  return message;
}

/** An MLSMessage around some content. */
export function frame(format: number, content: Uint8Array): Uint8Array {
  return encode((w) => w.u16(MLS10).u16(format).raw(content));
}

function readBody(reader: Reader, format: number): WireMessage {
  switch (format) {
    case WireFormat.publicMessage:
      return { kind: "public", message: readPublicMessage(reader) };
    case WireFormat.welcome:
      return { kind: "welcome", message: readWelcome(reader) };
    case WireFormat.keyPackage:
      return { kind: "key_package", message: readKeyPackage(reader) };
    default:
      throw new MlsError("unsupported", "The message is of a kind that isn't supported here");
  }
}

function wireFormatOf(bytes: Uint8Array): number {
  const reader = new Reader(bytes);
  if (reader.u16() !== MLS10) throw new MlsError("unsupported", "The message is of another version of MLS");
  return reader.u16();
}
