import type { Consumer } from "./consumer.ts";

/** How an agent finished with a message: see `Outcome` in `@parley/core`. */
export type Settlement = "handled" | "pass" | "error";

/** An agent's description of a failure. */
export interface ReportedFailure {
  readonly code?: string;
  readonly message?: string;
}

/** The mailbox of a DID, as the connections that are bound to it use it. It may be at another node. */
export interface BoundMailbox {
  /** The connection has capacity again. */
  resume(consumer: Consumer): void;
  /** Processes the outcome that an agent reports for a message. Without an id: for the one that has waited longest. */
  settle(consumer: Consumer, id: string | undefined, settlement: Settlement, failure?: ReportedFailure): void;
  /** Redelivers all unacknowledged messages of a connection. */
  redeliver(consumer: Consumer): void;
  /**
   * Removes a connection. Its unacknowledged messages are redelivered to another connection, or wait.
   *
   * @param closeCode the WebSocket close code, if the client ended the link without leaving. Messages in flight may be the reason.
   */
  unbind(consumer: Consumer, closeCode?: number): void;
}
