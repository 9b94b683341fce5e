/** What happened, in the past tense. The set is closed: the console has a sentence for each. */
export type AdminEventKind =
  | "accepted"
  | "refused"
  | "delivered"
  | "settled"
  /** So many messages were accepted that the events of some were only counted. */
  | "omitted"
  | "dead"
  | "dropped"
  | "joined"
  | "join-refused"
  | "left"
  | "took-over"
  | "key-refused"
  | "malformed"
  | "remote-accepted"
  | "remote-refused"
  | "remote-sent"
  | "remote-retry"
  | "remote-dead"
  | "published"
  | "relay-refused"
  | "stream-opened"
  | "stream-closed"
  | "call-answered"
  | "failure"
  | "acted";

/** One event of a server. Has neither keys nor tokens. */
export interface AdminEvent {
  readonly kind: AdminEventKind;
  /** DIDComm message id. */
  readonly id?: string | undefined;
  /** DIDComm message type. */
  readonly type?: string | undefined;
  readonly thread?: string | undefined;
  readonly parentThread?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: readonly string[] | undefined;
  readonly did?: string | undefined;
  readonly channel?: string | undefined;
  /** Id of an account of skytale. */
  readonly account?: string | undefined;
  /** Id of an API key, never the key. */
  readonly key?: string | undefined;
  /** Problem code, or the code of an error. */
  readonly code?: string | undefined;
  /** Why, for people. */
  readonly reason?: string | undefined;
  /** Of an action: the client's address and program. */
  readonly by?: string | undefined;
  /** How a message was settled, how a connection ended, or the kind of a channel's entry. */
  readonly outcome?: string | undefined;
  readonly attempt?: number | undefined;
  /** Duration in milliseconds. */
  readonly ms?: number | undefined;
  /** Characters of a message, or bytes of a channel's entries. */
  readonly size?: number | undefined;
  /** Number of messages or protocols. */
  readonly count?: number | undefined;
  /** The plaintext of a DIDComm message. The journal keeps it only if asked to. */
  readonly body?: string | undefined;
}
