import { encode, type Reader, type Writer } from "../codec/codec.ts";
import { malformed } from "../codec/codec.ts";
import type { Suite } from "../crypto/labels.ts";
import { writeGroupContext, type GroupContext } from "../codec/structures.ts";

export const WireFormat = { publicMessage: 1, privateMessage: 2, welcome: 3, groupInfo: 4, keyPackage: 5 } as const;
export const ContentType = { application: 1, proposal: 2, commit: 3 } as const;

/** Who sends (RFC 9420 §6): a member by its leaf, or one of the kinds of outsiders. */
export type Sender =
  | { readonly kind: "member"; readonly leaf: number }
  | { readonly kind: "external"; readonly index: number }
  | { readonly kind: "new_member_proposal" | "new_member_commit" };

/** A handshake message, signature checked. */
export interface Handshake {
  readonly wireFormat: 1 | 2;
  readonly contentType: 2 | 3;
  readonly sender: number;
  /** The proposal or commit as on the wire. */
  readonly content: Uint8Array;
  readonly authenticatedData: Uint8Array;
  readonly signature: Uint8Array;
  /** Of a commit. */
  readonly confirmationTag: Uint8Array | undefined;
}

/** FramedContent (RFC 9420 §6) of a member. */
export function encodeFramedContent(
  context: Pick<GroupContext, "groupId" | "epoch">,
  message: Pick<Handshake, "sender" | "authenticatedData" | "contentType" | "content">,
): Uint8Array {
  return encode((w) => {
    w.vector(context.groupId).u64(context.epoch).u8(1).u32(message.sender).vector(message.authenticatedData);
    w.u8(message.contentType).raw(message.content);
  });
}

/** What a member's signature covers (FramedContentTBS). */
export function framedContentToBeSigned(context: GroupContext, wireFormat: number, framedContent: Uint8Array): Uint8Array {
  return encode((w) => {
    w.u16(context.version).u16(wireFormat).raw(framedContent);
    writeGroupContext(w, context);
  });
}

/** AuthenticatedContent, by whose hash a proposal is referred to (RFC 9420 §5.2, §6). */
export function encodeAuthenticatedContent(context: GroupContext, message: Handshake): Uint8Array {
  return encode((w) => {
    w.u16(message.wireFormat).raw(encodeFramedContent(context, message)).vector(message.signature);
    if (message.confirmationTag) w.vector(message.confirmationTag);
  });
}

/** RFC 9420 §8.2. */
export async function nextConfirmedHash(
  suite: Suite,
  context: GroupContext,
  confirmationTag: Uint8Array,
  commit: Omit<Handshake, "confirmationTag">,
): Promise<Uint8Array> {
  const interim = await interimHash(suite, context.confirmedTranscriptHash, confirmationTag);
  const input = encode((w) => w.raw(interim).u16(commit.wireFormat).raw(encodeFramedContent(context, commit)).vector(commit.signature));
  return suite.hash.digest(input);
}

export function interimHash(suite: Suite, confirmedHash: Uint8Array, confirmationTag: Uint8Array): Promise<Uint8Array> {
  return suite.hash.digest(encode((w) => w.raw(confirmedHash).vector(confirmationTag)));
}

export function readSender(r: Reader): Sender {
  const type = r.u8();
  if (type === 1) return { kind: "member", leaf: r.u32() };
  if (type === 2) return { kind: "external", index: r.u32() };
  if (type === 3) return { kind: "new_member_proposal" };
  if (type === 4) return { kind: "new_member_commit" };
  throw malformed("A message is of an unknown kind of sender");
}

export function encodeGroupContext(context: GroupContext): Uint8Array {
  return encode((w: Writer) => writeGroupContext(w, context));
}
