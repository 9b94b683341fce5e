import { vectorSize, Writer } from "../codec/writer.ts";
import { erase, signWithLabel } from "../crypto/labels.ts";
import { ratchetTypeOf } from "../secret-tree/ratchet.ts";
import type { MessageKey } from "../secret-tree/message-key.ts";
import type { SendLease } from "../secret-tree/send-lease.ts";
import { framedContentTbs, WireFormat, writeContent, type ContentType } from "./framed-content.ts";
import type { MessageEpoch } from "./message-epoch.ts";
import { DEFAULT_PADDING, paddedSize, type PaddingBuckets } from "./padding.ts";
import { encodePrivateMessage, privateContentAad, senderDataAad } from "./private-message.ts";
import { applyReuseGuard, REUSE_GUARD } from "./reuse-guard.ts";
import { sealSenderData } from "./sender-data.ts";

const EMPTY = new Uint8Array(0);

/** Content to encrypt, with its signature. */
export interface SignedContent {
  readonly contentType: ContentType;
  /** The bytes of an application message, or an encoded proposal or commit. */
  readonly content: Uint8Array;
  /** Sent in the clear, and authenticated. Default: empty. */
  readonly authenticatedData?: Uint8Array;
  /** By {@link signContent}, over the same content and authenticated data. */
  readonly signature: Uint8Array;
  /** Required for a commit, not allowed for anything else. */
  readonly confirmationTag?: Uint8Array;
}

/** Signs content of a PrivateMessage as the member at the own leaf (RFC 9420 §6.1). */
export function signContent(
  epoch: MessageEpoch,
  privateKey: Uint8Array,
  contentType: ContentType,
  content: Uint8Array,
  authenticatedData: Uint8Array = EMPTY,
): Uint8Array {
  const message = { sender: epoch.tree.ownLeaf, contentType, content, authenticatedData };
  const tbs = framedContentTbs(WireFormat.privateMessage, epoch, epoch.groupContext, message);
  return signWithLabel(epoch.suite, privateKey, "FramedContentTBS", tbs);
}

/**
 * Encrypts signed content with the next key of a lease, and returns the MLSMessage
 * ([RFC 9420 §6.3](https://www.rfc-editor.org/rfc/rfc9420.html#section-6.3)). The key is erased: each encrypts one message.
 *
 * @throws TypeError if the lease is used up or of the other ratchet, or if a confirmation tag is missing or not allowed
 */
export function sealMessage(
  epoch: MessageEpoch,
  lease: SendLease,
  content: SignedContent,
  padding: PaddingBuckets = DEFAULT_PADDING,
): Uint8Array {
  if (lease.type !== ratchetTypeOf(content.contentType)) throw new TypeError(`The lease is for ${lease.type} messages`);
  if ((content.contentType === "commit") !== (content.confirmationTag !== undefined)) {
    throw new TypeError("A commit requires a confirmation tag, and no other content has one");
  }
  const plaintext = encodeContent(content, padding);
  const key = lease.take();
  if (key === undefined) throw new TypeError("The lease is used up");
  return sealPlaintext(epoch, key, content, plaintext);
}

function sealPlaintext(
  epoch: MessageEpoch,
  { generation, key, nonce }: MessageKey,
  { contentType, authenticatedData = EMPTY }: SignedContent,
  plaintext: Uint8Array,
): Uint8Array {
  const { suite, groupId, senderDataSecret, tree } = epoch;
  const reuseGuard = suite.random(REUSE_GUARD);
  const aad = privateContentAad(epoch, contentType, authenticatedData);
  const ciphertext = suite.seal(key, applyReuseGuard(nonce, reuseGuard), aad, plaintext);
  erase(key, nonce, plaintext);
  const sender = { leaf: tree.ownLeaf, generation, reuseGuard };
  const encryptedSenderData = sealSenderData(suite, senderDataSecret, ciphertext, senderDataAad(epoch, contentType), sender);
  return encodePrivateMessage({ groupId, epoch: epoch.epoch, contentType, authenticatedData, encryptedSenderData, ciphertext });
}

/** PrivateMessageContent (RFC 9420 §6.3.1), padded with zeros. */
function encodeContent(signed: SignedContent, padding: PaddingBuckets): Uint8Array {
  const { contentType, content, signature, confirmationTag } = signed;
  const size =
    (contentType === "application" ? vectorSize(content.length) : content.length) +
    vectorSize(signature.length) +
    (confirmationTag === undefined ? 0 : vectorSize(confirmationTag.length));
  const padded = paddedSize(size, padding);
  const writer = writeContent(new Writer(padded), signed).vector(signature);
  if (confirmationTag !== undefined) writer.vector(confirmationTag);
  return writer.padTo(padded).finish();
}
