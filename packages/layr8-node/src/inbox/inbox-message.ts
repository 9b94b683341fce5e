import type { InboxMessage, IncomingMessage } from "./inbox.ts";

/** Gives a message its place. Every message is made here, of one shape, which keeps the code that handles them fast. */
export function inboxMessage(incoming: IncomingMessage, seq: number, attempts: number): InboxMessage {
  const { recipient, id, from, type, thread, parentThread, plaintext, authorized, senderCredentials, expiresAt } = incoming;
  return { recipient, id, from, type, thread, parentThread, plaintext, authorized, senderCredentials, expiresAt, seq, attempts };
}
