import type { Message } from "@parley/core";
import type { AuditedMessage } from "./audit-trail.ts";

/** The sender and the recipients of a message. */
interface Origin {
  /** DID of the authenticated sender. */
  readonly sender: string;
  /** The recipients that this node processes it for: all of an agent's message, one of another node's message. */
  readonly recipients: readonly string[];
  /** The owner charged for it: an API key, another node's host or address, or the node itself. */
  readonly owner: string;
  /** Whether another node has sent it. */
  readonly remote: boolean;
  /** Called when it has its place in a recipient's inbox, before it is durable. Not called for duplicates. */
  readonly onStored?: (() => void) | undefined;
}

/** A message on its way through the {@link Router}: parsed, authorized, stored, delivered. */
export interface RoutedMessage extends Origin {
  readonly message: Message;
  /** Its JSON text, as delivered to recipients. */
  readonly text: string;
  readonly id: string;
  readonly type: string;
  /** Thread (`thid`) that it continues; absent when it starts one. */
  readonly thread: string | undefined;
  readonly parentThread: string | undefined;
  /** When it arrived, by `performance.now()`: for measurements only. */
  readonly receivedAt: number;
  /** Set when it is authorized: JSON of the sender's verified credentials; `undefined` for none. */
  senderCredentials: string | undefined;
  /** Set when it is authorized: recipients to which the sender is not authorized, and whose policies let the agent decide. */
  unauthorizedFor: ReadonlySet<string>;
}

/** The owner of messages that the node itself creates. */
export const NODE_OWNER = "node";

const NONE: ReadonlySet<string> = new Set();

/** Creates the message that enters the router, from a parsed plaintext. */
export function routedMessage(message: Message, text: string, { sender, recipients, owner, remote, onStored }: Origin): RoutedMessage {
  const { id, type, threadId: thread, parentThreadId: parentThread } = message;
  return {
    sender,
    recipients,
    owner,
    remote,
    onStored,
    message,
    text,
    id,
    type,
    thread,
    parentThread,
    receivedAt: performance.now(),
    senderCredentials: undefined,
    unauthorizedFor: NONE,
  };
}

/** A message for one of its recipients, as the audit records it. */
export function auditedMessage({ sender: from, remote, id, type, thread, text: plaintext }: RoutedMessage, to: string): AuditedMessage {
  // What is posted for an agent that holds its keys itself can name anyone, also an agent of this node.
  return { from, isFromProven: !remote, to, id, type, thread, plaintext };
}
