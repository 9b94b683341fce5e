import type { BoundMailbox } from "./bound-mailbox.ts";
import type { Consumer } from "./consumer.ts";
import type { Routable } from "./consumer-routes.ts";
import type { Mailbox } from "./mailbox.ts";

/** What a new connection with some protocols would change. */
export interface BindingPreview {
  /** Number of protocols bound by then. */
  readonly count: number;
  /** Whether it would take one from another connection. */
  readonly takesOver: boolean;
}

/** The connections of a DID at all nodes that share their data: one of the nodes has its {@link Mailbox}. */
export interface OtherNodes {
  /**
   * Finds the node that has a DID's mailbox, this one if no node has it, and what a new connection would change there.
   *
   * @param except a connection that the new one replaces.
   * @throws StorageError `storage_failed`
   */
  preview(did: string, protocols: readonly string[], except: unknown): Promise<BindingPreview>;
  /** Binds a connection of this node to its DID's mailbox, wherever that is. */
  bind(did: string, consumer: Consumer, protocols: readonly string[]): BoundMailbox;
  /** Records that a connection of this node has sent a message on threads. Returns a promise if the mailbox is at another node. */
  recordThreads(consumer: Consumer, threads: readonly string[]): Promise<void> | undefined;
  /** Waits for what other nodes have stored about their connections before this call. @throws StorageError `storage_failed` */
  catchUp(): Promise<void>;
  /** Whether another node has connections of a DID. */
  isConnected(did: string): boolean;
  /** The protocols that a DID's connections have bound, if another node has its mailbox. */
  protocolsOf(did: string): readonly string[];
  /** Whether a connection would receive a message that the mailbox here, if there is one, has no connection for. */
  wouldTake(did: string, message: Routable): boolean;
  /** Tells the connections of a DID at this node that the credentials stored for it have changed. */
  walletChanged(did: string): void;
  /** A mailbox of this node must no longer be used: another node has opened the box. */
  onLost(mailbox: Mailbox): void;
}
