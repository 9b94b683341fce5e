import type { InboxMessage, MessageToStore } from "./inbox.ts";

/** Creates an inbox message. All are created here with the same object shape, which keeps the code that handles them fast. */
export function inboxMessage(
  incoming: MessageToStore,
  seq: number,
  attempts: number,
  receivedAt: number | undefined = incoming.receivedAt,
): InboxMessage {
  const { recipient, id, from, type, thread, parentThread, plaintext, authorized, senderCredentials, expiresAt, asksForReceipts } =
    incoming;
  return {
    recipient,
    id,
    from,
    type,
    thread,
    parentThread,
    plaintext,
    authorized,
    senderCredentials,
    expiresAt,
    asksForReceipts,
    seq,
    attempts,
    receivedAt,
  };
}
