import { equalBytes, isZero } from "../codec/bytes.ts";
import { Reader } from "../codec/reader.ts";
import { erase, verifyWithLabel } from "../crypto/labels.ts";
import { MlsEngineError } from "../errors.ts";
import type { MessageKey } from "../secret-tree/message-key.ts";
import { ratchetTypeOf } from "../secret-tree/ratchet.ts";
import type { KeyUse } from "../secret-tree/secret-tree.ts";
import { framedContentTbs, WireFormat, type ContentType, type MemberContent } from "./framed-content.ts";
import { skipHandshake } from "./handshake-length.ts";
import type { MessageEpoch } from "./message-epoch.ts";
import { privateContentAad, senderDataAad, type PrivateMessage } from "./private-message.ts";
import { applyReuseGuard } from "./reuse-guard.ts";
import { openSenderData, type SenderData } from "./sender-data.ts";

/** An authentic message: encrypted in this epoch of this group, and signed by the sender. */
export interface OpenedMessage extends MemberContent {
  /** Identifies the message together with the epoch, the sender and the ratchet. */
  readonly generation: number;
  readonly signature: Uint8Array;
  /** Set on commits only. Not verified yet: that needs the next epoch. */
  readonly confirmationTag: Uint8Array | undefined;
  /**
   * Consumes the message's key. Until then the secret tree is unchanged, and the message can be opened again.
   *
   * @throws MlsEngineError `generation_consumed` if another message consumed it since
   */
  consume(): KeyUse;
}

/**
 * Decrypts and verifies a message ([RFC 9420 §6.3](https://www.rfc-editor.org/rfc/rfc9420.html#section-6.3)). The secret tree doesn't change
 * before {@link OpenedMessage.consume}, so a forged message can't use up the key of an authentic one.
 *
 * @throws MlsEngineError
 * - `wrong_group`, `epoch_mismatch`: the message claims another group or epoch.
 * - `decryption_failure`: not by a member of this epoch, or modified. The two cannot be distinguished.
 * - `own_message`: some member encrypted sender data that names the own leaf.
 * - `generation_consumed`: opened before, or the key was dropped to make room.
 * - `generation_too_far`: more messages of the sender are missing than the limits allow.
 */
export function openMessage(epoch: MessageEpoch, message: PrivateMessage): OpenedMessage {
  const { tree } = epoch;
  const sender = senderOf(epoch, message);
  const type = ratchetTypeOf(message.contentType);
  const opened = openWith(epoch, message, sender, tree.key(sender.leaf, type, sender.generation));
  // The spread comes last: see "Objects" in bench/README.md.
  return { consume: () => tree.consume(sender.leaf, type, sender.generation), ...opened };
}

/**
 * The sender that a message names. Any member of the epoch can write sender data, so it is a claim until the signature is verified.
 *
 * @throws MlsEngineError `wrong_group`, `epoch_mismatch`, `decryption_failure`
 */
export function senderOf(epoch: MessageEpoch, message: PrivateMessage): SenderData {
  if (!equalBytes(message.groupId, epoch.groupId)) throw new MlsEngineError("wrong_group", "The message is of another group");
  if (message.epoch !== epoch.epoch) {
    throw new MlsEngineError("epoch_mismatch", `The message is of epoch ${message.epoch}, not of ${epoch.epoch}`, {
      messageEpoch: message.epoch,
      groupEpoch: epoch.epoch,
    });
  }
  const aad = senderDataAad(message, message.contentType);
  const sender = openSenderData(epoch.suite, epoch.senderDataSecret, message.ciphertext, aad, message.encryptedSenderData);
  if (!sender || sender.leaf >= epoch.tree.leafCount || epoch.signaturePublicKey(sender.leaf) === undefined) throw decryptionFailure();
  return sender;
}

/** Decrypts a message with a key, which is erased, and verifies the signature. @throws MlsEngineError `decryption_failure` */
export function openWith(
  epoch: MessageEpoch,
  message: PrivateMessage,
  { leaf, generation, reuseGuard }: SenderData,
  { key, nonce }: MessageKey,
): Omit<OpenedMessage, "consume"> {
  const { suite } = epoch;
  const { contentType } = message;
  const publicKey = epoch.signaturePublicKey(leaf);
  if (publicKey === undefined) throw decryptionFailure();
  const aad = privateContentAad(message, contentType, message.authenticatedData);
  const plaintext = suite.open(key, applyReuseGuard(nonce, reuseGuard), aad, message.ciphertext);
  erase(key, nonce);
  if (plaintext === undefined) throw decryptionFailure();

  const { content, signature, confirmationTag } = readContent(plaintext, contentType);
  const signed = { sender: leaf, contentType, content, authenticatedData: message.authenticatedData.slice() };
  const tbs = framedContentTbs(WireFormat.privateMessage, epoch, epoch.groupContext, signed);
  if (!verifyWithLabel(suite, publicKey, "FramedContentTBS", tbs, signature)) throw decryptionFailure();
  // The spread comes last: see "Objects" in bench/README.md.
  return { generation, signature, confirmationTag, ...signed };
}

/** PrivateMessageContent (RFC 9420 §6.3.1). The result is a copy; the plaintext is erased. */
function readContent(plaintext: Uint8Array, contentType: ContentType): Pick<OpenedMessage, "content" | "signature" | "confirmationTag"> {
  try {
    const reader = new Reader(plaintext);
    const content = contentType === "application" ? reader.vector() : skipHandshake(reader, contentType);
    const signature = reader.vector();
    const confirmationTag = contentType === "commit" ? reader.vector() : undefined;
    if (!isZero(reader.rest())) throw decryptionFailure();
    return { content: content.slice(), signature: signature.slice(), confirmationTag: confirmationTag?.slice() };
  } catch (error) {
    if (error instanceof MlsEngineError) throw decryptionFailure();
    throw error;
  } finally {
    erase(plaintext);
  }
}

function decryptionFailure(): MlsEngineError {
  return new MlsEngineError("decryption_failure", "The message was not sent by a member of this epoch, or was modified");
}
