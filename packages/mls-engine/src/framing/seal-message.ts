import { contentToSign } from "./content-to-sign.ts";
import { ratchetTypeOf, type ContentType, type MessageEpoch } from "./message-epoch.ts";
import type { MessageKey } from "../secret-tree/message-key.ts";
import { DEFAULT_PADDING, paddedSize, type PaddingBuckets } from "./padding.ts";
import { encodeAad, encodePrivateMessage } from "./private-message.ts";
import type { SendLease } from "../secret-tree/send-lease.ts";
import { applyReuseGuard, REUSE_GUARD, sealSenderData } from "./sender-data.ts";
import { vectorSize, Writer } from "../codec/sized-writer.ts";

const EMPTY = new Uint8Array(0);

/** Content to encrypt, with its signature. */
export interface SignedContent {
  readonly contentType: ContentType;
  /** The bytes of an application message, or a proposal or commit as it is encoded. */
  readonly content: Uint8Array;
  /** Travels in the clear, and can't be changed on the way. Default: empty. */
  readonly authenticatedData?: Uint8Array;
  /** By {@link signContent}, over the same content and authenticated data. */
  readonly signature: Uint8Array;
  /** Of a commit, and of nothing else. */
  readonly confirmationTag?: Uint8Array;
}

/** Signs content as the member at the own leaf of the epoch's tree. */
export function signContent(
  epoch: MessageEpoch,
  privateKey: Uint8Array,
  contentType: ContentType,
  content: Uint8Array,
  authenticatedData: Uint8Array = EMPTY,
): Uint8Array {
  return epoch.crypto.sign(privateKey, contentToSign(epoch, epoch.tree.ownLeaf, contentType, content, authenticatedData));
}

/**
 * Encrypts signed content with the next key of a lease, which is then gone. Gives the whole MLSMessage
 * ([RFC 9420 §6.3](https://www.rfc-editor.org/rfc/rfc9420.html#section-6.3)).
 *
 * @throws TypeError when the lease is used up or of the other ratchet, or when a confirmation tag is missing or out of place
 */
export function sealMessage(
  epoch: MessageEpoch,
  lease: SendLease,
  content: SignedContent,
  padding: PaddingBuckets = DEFAULT_PADDING,
): Uint8Array {
  if (lease.type !== ratchetTypeOf(content.contentType)) throw new TypeError(`The lease is for ${lease.type} messages`);
  if ((content.contentType === "commit") !== (content.confirmationTag !== undefined)) {
    throw new TypeError("A commit has a confirmation tag, and nothing else has one");
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
  const { crypto, groupId, senderDataSecret, tree } = epoch;
  const reuseGuard = crypto.random(REUSE_GUARD);
  const aad = encodeAad(groupId, epoch.epoch, contentType, authenticatedData);
  const ciphertext = crypto.seal(key, applyReuseGuard(nonce, reuseGuard), aad, plaintext);
  key.fill(0);
  nonce.fill(0);
  plaintext.fill(0);
  const senderAad = encodeAad(groupId, epoch.epoch, contentType);
  const sender = { leaf: tree.ownLeaf, generation, reuseGuard };
  const encryptedSenderData = sealSenderData(crypto, senderDataSecret, ciphertext, senderAad, sender);
  return encodePrivateMessage({ groupId, epoch: epoch.epoch, contentType, authenticatedData, encryptedSenderData, ciphertext });
}

/** PrivateMessageContent, padded with zeros. */
function encodeContent({ contentType, content, signature, confirmationTag }: SignedContent, padding: PaddingBuckets): Uint8Array {
  const size =
    (contentType === "application" ? vectorSize(content.length) : content.length) +
    vectorSize(signature.length) +
    (confirmationTag === undefined ? 0 : vectorSize(confirmationTag.length));
  const writer = new Writer(paddedSize(size, padding));
  if (contentType === "application") writer.vector(content);
  else writer.bytes(content);
  writer.vector(signature);
  if (confirmationTag !== undefined) writer.vector(confirmationTag);
  return writer.finish();
}
