import { MlsEngineError } from "../errors.ts";
import type { Handshake } from "../framing/framed-content.ts";
import type { PaddingBuckets } from "../framing/padding.ts";
import { sealMessage, signContent } from "../framing/seal-message.ts";
import type { SendLease } from "../secret-tree/send-lease.ts";
import type { StoreChange } from "../store/group-store.ts";
import type { GroupSession } from "./group-session.ts";

const EMPTY = new Uint8Array();
/** Proposals and commits are padded to multiples of 256: their size follows from the public tree, so a coarser padding would hide little. */
const HANDSHAKE_PADDING: PaddingBuckets = [256];

/**
 * Encrypts an application message. Called by `MlsGroup.encrypt`. One durable write per lease (32 messages by default), otherwise none.
 *
 * @throws MlsEngineError `proposals_waiting`, `update_required`, `too_large`
 */
export async function sealApplication(
  session: GroupSession,
  data: Uint8Array,
  aad: Uint8Array = EMPTY,
  padding: PaddingBuckets | undefined = session.options.padding,
): Promise<Uint8Array> {
  const { state, keys, pending, env } = session;
  checkSize(session, data.length + aad.length);
  if (session.needsUpdate) {
    throw new MlsEngineError("update_required", "Keys of this epoch may have been used before: stage and confirm an update, then send");
  }
  if (state.proposals.size > 0 && pending === undefined) {
    throw new MlsEngineError("proposals_waiting", "The group has pending proposals: commit them before sending (RFC 9420 §12.4)");
  }
  const lease = keys.leased("application") ?? (await takeLease(session));
  const { messages } = keys;
  const signature = signContent(messages, env.signer.signatureKey.privateKey, "application", data, aad);
  const content = { contentType: "application", content: data, authenticatedData: aad, signature } as const;
  const message = sealMessage(messages, lease, content, padding);
  checkSize(session, message.length);
  return message;
}

/** Encrypts a proposal or commit. The rows must be durable before the message is sent. */
export function sealHandshake(session: GroupSession, handshake: Handshake): { message: Uint8Array; rows: StoreChange[] } {
  const { keys } = session;
  const held = keys.leased("handshake");
  const { lease, rows } = held ? { lease: held, rows: [] } : keys.lease("handshake", 1);
  const { confirmationTag, ...content } = handshake;
  const padding = session.options.padding?.length === 0 ? [] : HANDSHAKE_PADDING;
  return { message: sealMessage(keys.messages, lease, confirmationTag ? { ...content, confirmationTag } : content, padding), rows };
}

/** Takes keys for the next messages. The advanced ratchet is stored before the first key is used, so a crash skips keys and repeats none. */
async function takeLease(session: GroupSession): Promise<SendLease> {
  const { lease, rows } = session.keys.lease("application", session.options.limits.sendLease);
  await session.write(rows, "durable");
  for (const { value } of rows) value?.fill(0);
  return lease;
}

function checkSize(session: GroupSession, bytes: number): void {
  const { maxMessageBytes } = session.options.limits;
  if (bytes > maxMessageBytes) throw new MlsEngineError("too_large", `Message too large: ${bytes} bytes, limit ${maxMessageBytes}`);
}
