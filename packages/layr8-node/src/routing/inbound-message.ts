import type { Message } from "@parley/core";
import type { IncomingMessage } from "../inbox/inbox.ts";

/** What decides where a message goes. */
export type Routable = Pick<IncomingMessage, "id" | "type" | "from" | "thread" | "parentThread">;

/** A message that has been read, from a sender that is known. */
export interface InboundMessage {
  readonly message: Message;
  readonly routable: Routable;
  /** Its JSON, as recipients get it. */
  readonly text: string;
  /** Whether another node has sent it. */
  readonly remote: boolean;
  /** Whom it is counted for: an API key, another node's host or address, or the node itself. */
  readonly owner: string;
}

/** What recipients are told about the sender. */
export interface SenderTrust {
  readonly authorized: boolean;
  /** JSON of the sender's credentials; `undefined` for none. */
  readonly senderCredentials: string | undefined;
}

export const TRUSTED: SenderTrust = { authorized: true, senderCredentials: undefined };

export function inboundMessage(
  message: Message,
  text: string,
  { owner = "node", remote = false }: { readonly owner?: string; readonly remote?: boolean } = {},
): InboundMessage {
  const { id, type, from, threadId, parentThreadId } = message;
  return { message, routable: { id, type, from, thread: threadId, parentThread: parentThreadId }, text, remote, owner };
}
