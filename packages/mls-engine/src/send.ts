import type { Handshake } from "./core/framing.ts";
import { MlsError } from "./errors.ts";
import type { GroupSession } from "./group-session.ts";
import type { PaddingBuckets } from "./messages/padding.ts";
import { sealMessage, signContent } from "./messages/seal-message.ts";
import type { SendLease } from "./messages/send-lease.ts";
import type { StoreChange } from "./store/group-store.ts";

const EMPTY = new Uint8Array();

/** Seals an application message. Costs a durable write once in a lease, and otherwise none. */
export async function sealApplication(
  session: GroupSession,
  data: Uint8Array,
  aad: Uint8Array = EMPTY,
  padding: PaddingBuckets | undefined = session.options.padding,
): Promise<Uint8Array> {
  const { state, keys, pending, env } = session;
  if (state.proposals.size > 0 && pending === undefined) {
    throw new MlsError("proposals_waiting", "Proposals wait for a commit; stage one before sending (RFC 9420 §12.4)");
  }
  const lease = session.lease?.remaining ? session.lease : await takeLease(session);
  const { messages } = keys;
  const signature = signContent(messages, env.signer.signatureKey.privateKey, "application", data, aad);
  return sealMessage(messages, lease, { contentType: "application", content: data, authenticatedData: aad, signature }, padding);
}

/** Seals a proposal or commit with a key of its own. The row must be durable before the message leaves. */
export function sealHandshake(session: GroupSession, handshake: Handshake): { message: Uint8Array; rows: StoreChange[] } {
  const { keys } = session;
  const { change, lease } = keys.messages.tree.leaseSend("handshake", 1);
  const { content, authenticatedData, signature, confirmationTag } = handshake;
  const common = { content, authenticatedData, signature };
  const message = sealMessage(
    keys.messages,
    lease,
    confirmationTag ? { ...common, contentType: "commit", confirmationTag } : { ...common, contentType: "proposal" },
    session.options.padding,
  );
  return { message, rows: keys.record(change) };
}

/** Keys for the next messages. On disk the ratchet is behind them before the first is used, so a crash skips them. */
async function takeLease(session: GroupSession): Promise<SendLease> {
  const { change, lease } = session.keys.messages.tree.leaseSend("application", session.options.limits.sendLease);
  await session.write(session.keys.record(change), "durable");
  change.fill(0);
  session.lease = lease;
  return lease;
}
