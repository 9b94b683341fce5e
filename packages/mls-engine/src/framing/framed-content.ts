import { malformed, type Reader } from "../codec/reader.ts";
import { vectorSize, Writer } from "../codec/writer.ts";
import { MLS10 } from "../codec/structures.ts";

/** The kinds of an MLSMessage ([RFC 9420 §6](https://www.rfc-editor.org/rfc/rfc9420.html#section-6)). */
export const WireFormat = { publicMessage: 1, privateMessage: 2, welcome: 3, groupInfo: 4, keyPackage: 5 } as const;

/** The kinds of content of a message to a group (RFC 9420 §6). */
export type ContentType = "application" | "proposal" | "commit";

const CONTENT_TYPES: Record<ContentType, number> = { application: 1, proposal: 2, commit: 3 };
const BY_NUMBER: readonly (ContentType | undefined)[] = [undefined, "application", "proposal", "commit"];

export function writeContentType(w: Writer, type: ContentType): Writer {
  return w.u8(CONTENT_TYPES[type]);
}

export function readContentType(r: Reader): ContentType {
  const type = BY_NUMBER[r.u8()];
  if (type === undefined) throw malformed("The message has an unknown content type");
  return type;
}

/** The sender of a message (RFC 9420 §6): a member, by its leaf, or one of three kinds of non-members. */
export type Sender =
  | { readonly kind: "member"; readonly leaf: number }
  | { readonly kind: "external"; readonly index: number }
  | { readonly kind: "new_member_proposal" | "new_member_commit" };

const SENDER_MEMBER = 1;

export function readSender(r: Reader): Sender {
  const type = r.u8();
  if (type === SENDER_MEMBER) return { kind: "member", leaf: r.u32() };
  if (type === 2) return { kind: "external", index: r.u32() };
  if (type === 3) return { kind: "new_member_proposal" };
  if (type === 4) return { kind: "new_member_commit" };
  throw malformed("The message has an unknown sender type");
}

/** The content of a message of a member, with everything that its signature covers apart from the epoch. */
export interface MemberContent {
  /** The sender's leaf. */
  readonly sender: number;
  readonly contentType: ContentType;
  /** The bytes of an application message, or an encoded proposal or commit. */
  readonly content: Uint8Array;
  /** Sent in the clear, and authenticated. */
  readonly authenticatedData: Uint8Array;
}

/** A proposal or commit, with its valid signature. */
export interface Handshake extends MemberContent {
  readonly wireFormat: 1 | 2;
  readonly contentType: "proposal" | "commit";
  readonly signature: Uint8Array;
  /** Set on commits only. */
  readonly confirmationTag: Uint8Array | undefined;
}

/** The group and epoch that a message belongs to. */
export interface MessageGroup {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
}

/** Application data is a vector of its own; a proposal or commit has no length (RFC 9420 §6). */
export function writeContent(w: Writer, { contentType, content }: Pick<MemberContent, "contentType" | "content">): Writer {
  return contentType === "application" ? w.vector(content) : w.raw(content);
}

/** FramedContent (RFC 9420 §6). */
export function writeFramedContent(w: Writer, { groupId, epoch }: MessageGroup, message: MemberContent): Writer {
  w.vector(groupId).u64(epoch).u8(SENDER_MEMBER).u32(message.sender).vector(message.authenticatedData);
  return writeContent(writeContentType(w, message.contentType), message);
}

/**
 * FramedContentTBS ([RFC 9420 §6.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-6.1)): the bytes that a member signs, under the
 * label "FramedContentTBS".
 *
 * They include the GroupContext, so a signature is valid in one epoch of one group, and the wire format, so an encrypted message can't be
 * sent again as a public one.
 *
 * @param groupContext the encoded GroupContext of the epoch
 */
export function framedContentTbs(wireFormat: number, group: MessageGroup, groupContext: Uint8Array, message: MemberContent): Uint8Array {
  // The fields of fixed size take 18 bytes. The content of a proposal or commit has no length, so the capacity is an upper bound.
  const capacity =
    18 +
    vectorSize(group.groupId.length) +
    vectorSize(message.authenticatedData.length) +
    vectorSize(message.content.length) +
    groupContext.length;
  return writeFramedContent(new Writer(capacity).u16(MLS10).u16(wireFormat), group, message).raw(groupContext).finish();
}
