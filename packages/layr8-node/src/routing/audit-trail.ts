/** A message, as the audit records it. */
export interface AuditedMessage {
  /** DID of the sender. */
  readonly from: string;
  /** Whether the node has proven that it is the sender. Otherwise only the envelope names it. Otherwise it is not in the sender's chain. */
  readonly isFromProven: boolean;
  /** DID of the recipient. */
  readonly to: string;
  readonly id: string;
  readonly type: string;
  readonly thread: string | undefined;
  /** Only its digest is recorded. */
  readonly plaintext: string;
}

/** Records what becomes of messages. See `audit/`. */
export interface AuditTrail {
  /** A message is being stored: recorded in the same commit. Called in the turn of the event loop in which its writes are queued. */
  accepted(message: AuditedMessage): void;
  /** The node itself handles a message in the name of its recipient: it is not stored. */
  answered(message: AuditedMessage): void;
  /** A message was rejected, or has failed permanently. */
  refused(message: AuditedMessage, code: string): void;
}
