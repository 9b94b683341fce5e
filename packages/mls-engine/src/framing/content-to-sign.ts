import type { ContentType, MessageEpoch } from "./message-epoch.ts";
import { mlsLabel } from "../crypto/message-labels.ts";
import { contentTypeNumber, PRIVATE_MESSAGE } from "./private-message.ts";
import { vectorSize, Writer } from "../codec/sized-writer.ts";

const VERSION = 1;
const MEMBER = 1;
const LABEL = mlsLabel("FramedContentTBS");

/**
 * What the sender of a PrivateMessage signs: FramedContentTBS ([RFC 9420 §6.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-6.1))
 * under its label (§5.1.2).
 *
 * @param content the bytes of an application message, or a proposal or commit as it is encoded.
 */
export function contentToSign(
  epoch: MessageEpoch,
  sender: number,
  contentType: ContentType,
  content: Uint8Array,
  authenticatedData: Uint8Array,
): Uint8Array {
  const { groupId, groupContext } = epoch;
  const size =
    4 +
    vectorSize(groupId.length) +
    8 +
    5 +
    vectorSize(authenticatedData.length) +
    1 +
    (contentType === "application" ? vectorSize(content.length) : content.length) +
    groupContext.length;
  const writer = new Writer(vectorSize(LABEL.length) + vectorSize(size))
    .vector(LABEL)
    .length(size)
    .u16(VERSION)
    .u16(PRIVATE_MESSAGE)
    .vector(groupId)
    .u64(epoch.epoch)
    .u8(MEMBER)
    .u32(sender)
    .vector(authenticatedData)
    .u8(contentTypeNumber(contentType));
  return (contentType === "application" ? writer.vector(content) : writer.bytes(content)).bytes(groupContext).finish();
}
