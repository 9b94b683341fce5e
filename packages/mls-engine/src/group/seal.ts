import type { Handshake } from "../framing/framed-content.ts";
import { MlsError } from "../errors.ts";
import type { GroupSession } from "./group-session.ts";
import type { PaddingBuckets } from "../framing/padding.ts";
import { sealMessage, signContent } from "../framing/seal-message.ts";
import type { SendLease } from "../secret-tree/send-lease.ts";
import type { StoreChange } from "../store/group-store.ts";

const EMPTY = new Uint8Array();
/** Of proposals and commits: multiples of 256. Their size follows from the tree; coarser steps would cost more than they hide. */
const HANDSHAKE_PADDING: PaddingBuckets = [256];

/** Seals an application message. Costs a durable write once in a lease, and otherwise none. */
export async function sealApplication(
  session: GroupSession,
  data: Uint8Array,
  aad: Uint8Array = EMPTY,
  padding: PaddingBuckets | undefined = session.options.padding,
): Promise<Uint8Array> {
  const { state, keys, pending, env } = session;
  const { maxMessageBytes } = session.options.limits;
  const tooLarge = (): MlsError => new MlsError("too_large", `A message may have ${maxMessageBytes} bytes`);
  if (data.length + aad.length > maxMessageBytes) throw tooLarge();
  if (session.isOutdated) {
    throw new MlsError("update_required", "Keys of this epoch may have been used before: stage and confirm an update, then send");
  }
  if (state.proposals.size > 0 && pending === undefined) {
    throw new MlsError("proposals_waiting", "Proposals wait for a commit; stage one before sending (RFC 9420 §12.4)");
  }
  const lease = keys.leased("application") ?? (await takeLease(session));
  const { messages } = keys;
  const signature = signContent(messages, env.signer.signatureKey.privateKey, "application", data, aad);
  const content = { contentType: "application", content: data, authenticatedData: aad, signature } as const;
  const message = sealMessage(messages, lease, content, padding);
  if (message.length > maxMessageBytes) throw tooLarge();
  return message;
}

/** Seals a proposal or commit with a key of its own. The row must be durable before the message leaves. */
export function sealHandshake(session: GroupSession, handshake: Handshake): { message: Uint8Array; rows: StoreChange[] } {
  const { keys } = session;
  const held = keys.leased("handshake");
  const { lease, rows } = held ? { lease: held, rows: [] } : keys.lease("handshake", 1);
  const { content, authenticatedData, signature, confirmationTag } = handshake;
  const common = { content, authenticatedData, signature };
  const message = sealMessage(
    keys.messages,
    lease,
    confirmationTag ? { ...common, contentType: "commit", confirmationTag } : { ...common, contentType: "proposal" },
    session.options.padding?.length === 0 ? [] : HANDSHAKE_PADDING,
  );
  return { message, rows };
}

/** Keys for the next messages. On disk the ratchet is behind them before the first is used, so a crash skips them. */
async function takeLease(session: GroupSession): Promise<SendLease> {
  const { lease, rows } = session.keys.lease("application", session.options.limits.sendLease);
  await session.write(rows, "durable");
  for (const { value } of rows) value?.fill(0);
  return lease;
}
