import type { ParleyError } from "./error.ts";
import type { JsonObject } from "./json.ts";

/**
 * The seam between an agent and the wire. A transport connects agents (DIDs) to a node; handlers and threads belong to the agent.
 *
 * One transport may carry several connections, one per DID.
 */
export interface Transport {
  /**
   * Connects a DID. Resolves once the node has accepted it.
   *
   * @throws NodeTransportError `join_refused` (rejected by the node; not retried), `connect_failed` (the node can't be reached or
   *   answered late; retryable), `unauthorized` (API key refused); the signal's reason when aborted.
   */
  connect(options: ConnectOptions): Promise<Connection>;
}

/** What an agent announces when it connects. */
export interface ConnectOptions {
  /** The DID to connect as. Without one the node assigns an ephemeral DID. */
  readonly did?: string;
  /** The DID whose grants the agent borrows, and what has named `did`: directly below that one. */
  readonly parent?: { readonly did: string; readonly namedBy: "sdk" | "client" };
  /**
   * The public keys of an agent that holds its keys itself, with the proof that it does. Called for each join.
   *
   * @param nowMs the node's time, in milliseconds since 1970.
   */
  readonly keys?: (nowMs: number) => JsonObject;
  /** Protocol base URIs that the agent handles; `"*"` for all. */
  readonly protocols: readonly string[];
  readonly events: ConnectionEvents;
  /** Aborts connecting. It has no effect on an open connection. */
  readonly signal?: AbortSignal;
}

/** Events of a connection. Listeners must not throw. */
export interface ConnectionEvents {
  /** The link is down; the connection reconnects automatically. */
  onDisconnect(reason: ParleyError): void;
  /** The link is up again, with the same DID. */
  onReconnect(): void;
  /** The peer sent unreadable data. The connection stays open. `raw` is the beginning of that data, at most 1 KiB. */
  onFault(error: ParleyError, raw: unknown): void;
  /** The credentials that the node stores for this DID have changed. */
  onWalletChange?(): void;
  /** The grants that the node has derived for a DID with a parent: at each join, and after each change. `raw` is not checked. */
  onDelegated?(raw: unknown): void;
}

/**
 * One DID's connection. It survives losses of the link: `send` fails while it is down, deliveries resume once it is up again.
 */
export interface Connection extends AsyncDisposable {
  /** The DID of this connection at the node. Never changes. */
  readonly did: string;
  /** Whether the link is up now. */
  readonly connected: boolean;
  /** Whether this connection took protocols of its DID over from another connection, which has ended. Default `false`. */
  readonly tookOver?: boolean;
  /** Whether the node announces changes of the credentials that it stores for this DID. Default `false`. */
  readonly announcesWalletChanges?: boolean;
  /** Whether the node publishes the keys that the agent holds itself. Default `false`. */
  readonly publishesKeys?: boolean;
  /** What to add to this machine's clock to get the node's, in milliseconds, where they differ noticeably. Default 0. */
  readonly clockOffsetMs?: number;
  /**
   * Inbound messages, in the order of the wire. Iterate once. The iteration ends after {@link Connection.close}; it throws when the
   * connection ended without a call of `close` (a rejoin was rejected, another connection took the DID over).
   */
  readonly deliveries: AsyncIterable<Delivery>;
  /**
   * Sends one DIDComm plaintext, as the text that `JSON.stringify` makes of it: receipts have its digest. Resolves when the node has accepted it.
   *
   * @throws NodeTransportError `not_connected` (at once while the link is down), `disconnected` (the link broke before the node answered:
   *   it may or may not have the message), `rejected` (the node refused it; see {@link RejectedError}), `push_timeout`,
   *   `message_too_large`, `write_failed`, `closed`; the signal's reason when aborted.
   */
  send(plaintext: JsonObject, options?: SendOptions): Promise<SendReceipt>;
  /**
   * Publishes other keys of an agent that holds its keys itself. Resolves when the node has them.
   *
   * @throws as `send`
   */
  publishKeys?(keys: JsonObject): Promise<void>;
  /** Leaves the node and releases what the connection holds. Idempotent. Every pending `send` ends with `closed`. */
  close(): Promise<void>;
}

/** The node's answer to a message that it accepted. */
export interface SendReceipt {
  /**
   * Recipients on this node without a connection that takes the message now. Absent if all are connected, or the node doesn't report it.
   */
  readonly away?: readonly string[];
}

/** Options of {@link Connection.send}. */
export interface SendOptions {
  /** Stops waiting for the node's answer. The message may have left already. */
  readonly signal?: AbortSignal;
}

/** How an agent finished with a delivery. */
export type Outcome =
  | { readonly status: "handled" }
  /** Not for this agent: the node may try another one, or its built-in protocols. */
  | { readonly status: "pass" }
  | { readonly status: "error"; readonly code: string; readonly message: string };

/** One inbound message as the node delivered it, not validated. */
export interface Delivery {
  /** The DIDComm plaintext: parsed, not validated. */
  readonly plaintext: unknown;
  /** The node's information about the message, parsed but not checked. */
  readonly context: unknown;
  /**
   * When the node expects the acknowledgement: `"first"` before the handler runs (legacy nodes, whose only outcome is "handled"),
   * `"outcome"` after it, with its result.
   */
  readonly acknowledge: "first" | "outcome";
  /**
   * Acknowledges the message, so that the node does not deliver it again. Only the first call counts. Without a link nothing is sent, and
   * the node delivers again later.
   */
  settle(outcome: Outcome): void;
}
