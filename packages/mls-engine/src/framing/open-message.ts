import { MlsError } from "../errors.ts";
import { contentToSign } from "./content-to-sign.ts";
import { readHandshake } from "./handshake-length.ts";
import { ratchetTypeOf, type ContentType, type MessageEpoch } from "./message-epoch.ts";
import type { MessageKey } from "../secret-tree/message-key.ts";
import { encodeAad, type PrivateMessage } from "./private-message.ts";
import { Reader } from "../codec/reader.ts";
import type { KeyUse } from "../secret-tree/secret-tree.ts";
import { applyReuseGuard, openSenderData, type SenderData } from "./sender-data.ts";

/** A message that is authentic: of this group and epoch, encrypted and signed by this member. */
export interface OpenedMessage {
  /** The sender's leaf. */
  readonly sender: number;
  /** Together with the epoch, the sender and the ratchet, what names the message. */
  readonly generation: number;
  readonly contentType: ContentType;
  /** The bytes of an application message, or a proposal or commit as it is encoded (well formed, and not judged further). */
  readonly content: Uint8Array;
  readonly authenticatedData: Uint8Array;
  readonly signature: Uint8Array;
  /** Of a commit; not yet compared. */
  readonly confirmationTag: Uint8Array | undefined;
  /**
   * Uses the message's key up. Until then the tree is as it was, and the message can be opened again.
   *
   * @throws MlsError `generation_consumed` when another message has used it meanwhile
   */
  consume(): KeyUse;
}

/**
 * Decrypts and verifies a message ([RFC 9420 §6.3](https://www.rfc-editor.org/rfc/rfc9420.html#section-6.3)). Whatever comes of it, the
 * tree doesn't change before {@link OpenedMessage.consume}.
 *
 * @throws MlsError
 * - `wrong_group`, `epoch_mismatch`: by what the message says of itself.
 * - `decryption_failure`: not by a member of this epoch, or changed on the way. What exactly is wrong can't be told apart.
 * - `own_message`: sent by oneself, on the word of some member.
 * - `generation_consumed`: opened before, or given up to make room.
 * - `generation_too_far`: more messages of this sender are missing than the limits allow.
 */
export function openMessage(epoch: MessageEpoch, message: PrivateMessage): OpenedMessage {
  const { tree } = epoch;
  const sender = senderIn(epoch, message);
  const type = ratchetTypeOf(message.contentType);
  const opened = openWith(epoch, message, sender, tree.key(sender.leaf, type, sender.generation));
  return { ...opened, consume: () => tree.consume(sender.leaf, type, sender.generation) };
}

/**
 * The sender of a message of this epoch, as some member of it says.
 *
 * @throws MlsError `wrong_group`, `epoch_mismatch`, `decryption_failure`
 */
export function senderIn(epoch: MessageEpoch, message: PrivateMessage): SenderData {
  if (!equal(message.groupId, epoch.groupId)) throw new MlsError("wrong_group", "The message is of another group");
  if (message.epoch !== epoch.epoch) {
    throw new MlsError("epoch_mismatch", `The message is of epoch ${message.epoch}, not of ${epoch.epoch}`, {
      messageEpoch: message.epoch,
      groupEpoch: epoch.epoch,
    });
  }
  const sender = senderOf(epoch, message);
  if (sender.leaf >= epoch.tree.leafCount || epoch.signaturePublicKey(sender.leaf) === undefined) throw failed();
  return sender;
}

/** Decrypts a message with a key, which is erased, and verifies it. @throws MlsError `decryption_failure` */
export function openWith(
  epoch: MessageEpoch,
  message: PrivateMessage,
  { leaf, generation, reuseGuard }: SenderData,
  { key, nonce }: MessageKey,
): Omit<OpenedMessage, "consume"> {
  const { crypto } = epoch;
  const { contentType } = message;
  const publicKey = epoch.signaturePublicKey(leaf);
  if (publicKey === undefined) throw failed();
  const aad = encodeAad(message.groupId, message.epoch, contentType, message.authenticatedData);
  const plaintext = crypto.open(key, applyReuseGuard(nonce, reuseGuard), aad, message.ciphertext);
  key.fill(0);
  nonce.fill(0);
  if (plaintext === undefined) throw failed();

  const { content, signature, confirmationTag } = readContent(plaintext, contentType);
  const signed = contentToSign(epoch, leaf, contentType, content, message.authenticatedData);
  if (!crypto.verify(publicKey, signed, signature)) throw failed();
  return {
    sender: leaf,
    generation,
    contentType,
    content,
    authenticatedData: message.authenticatedData.slice(),
    signature,
    confirmationTag,
  };
}

function senderOf(epoch: MessageEpoch, message: PrivateMessage): SenderData {
  const aad = encodeAad(message.groupId, message.epoch, message.contentType);
  const sender = openSenderData(epoch.crypto, epoch.senderDataSecret, message.ciphertext, aad, message.encryptedSenderData);
  if (sender === undefined) throw failed();
  return sender;
}

type Content = Pick<OpenedMessage, "content" | "signature" | "confirmationTag">;

/** PrivateMessageContent. What it gives doesn't share the plaintext's memory. */
function readContent(plaintext: Uint8Array, contentType: ContentType): Content {
  try {
    const reader = new Reader(plaintext);
    const content = contentType === "application" ? reader.vector() : handshake(reader, plaintext, contentType);
    const signature = reader.vector();
    const confirmationTag = contentType === "commit" ? reader.vector() : undefined;
    if (reader.rest().some((byte) => byte !== 0)) throw failed();
    return { content: content.slice(), signature: signature.slice(), confirmationTag: confirmationTag?.slice() };
  } catch (error) {
    if (error instanceof MlsError) throw failed();
    throw error;
  } finally {
    plaintext.fill(0);
  }
}

function handshake(reader: Reader, plaintext: Uint8Array, type: "proposal" | "commit"): Uint8Array {
  readHandshake(reader, type);
  return plaintext.subarray(0, reader.offset);
}

function failed(): MlsError {
  return new MlsError("decryption_failure", "The message isn't by a member of this epoch, or was changed on the way");
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
