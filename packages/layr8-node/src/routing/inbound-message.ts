import type { Message } from "@parley/core";
import type { IncomingMessage } from "../inbox/inbox.ts";

/** The parts of a message that routing uses. */
export type Routable = Pick<IncomingMessage, "id" | "type" | "from" | "thread" | "parentThread">;

/** A parsed message from an authenticated sender. */
export interface InboundMessage {
  readonly message: Message;
  readonly routable: Routable;
  /** Its JSON text, as delivered to recipients. */
  readonly text: string;
  /** Whether it came from another node. */
  readonly remote: boolean;
  /** The owner charged for it: an API key, another node's host or address, or the node itself. */
  readonly owner: string;
  /** Called when it has its place in a recipient's inbox, before it is durable. */
  readonly onStored?: (() => void) | undefined;
}

/** What the node asserts to recipients about the sender. */
export interface SenderTrust {
  readonly authorized: boolean;
  /** JSON of the sender's credentials; `undefined` for none. */
  readonly senderCredentials: string | undefined;
}

export const TRUSTED: SenderTrust = { authorized: true, senderCredentials: undefined };

export function inboundMessage(
  message: Message,
  text: string,
  { owner = "node", remote = false, onStored }: Partial<Pick<InboundMessage, "owner" | "remote" | "onStored">> = {},
): InboundMessage {
  const { id, type, from, threadId, parentThreadId } = message;
  return { message, routable: { id, type, from, thread: threadId, parentThread: parentThreadId }, text, remote, owner, onStored };
}
