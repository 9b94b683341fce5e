import { TimeSlice } from "@parley/core/internal";
import type { BoxListener, Inbox } from "../../inbox/inbox.ts";
import { pagesOf } from "../../inbox/pages.ts";
import type { BoundMailbox } from "./bound-mailbox.ts";
import type { Consumer } from "./consumer.ts";
import type { Routable } from "./consumer-routes.ts";
import type { DeliveryOptions } from "./delivery-options.ts";
import type { DescribedConnection } from "./described-connection.ts";
import { type DeadLetterCause, Mailbox, type MailboxEvents } from "./mailbox.ts";
import type { BindingPreview, OtherNodes } from "./other-nodes.ts";

/** Options of {@link Mailboxes}. */
export interface MailboxesOptions {
  readonly inbox: Inbox;
  readonly delivery: DeliveryOptions;
  readonly events: Pick<MailboxEvents, "onDelivered" | "onSettled" | "onHandled" | "onRemoved" | "onFailure">;
}

/** Receives the messages that leave a mailbox without being handled. */
export type UndeliveredListener = Pick<MailboxEvents, "onDead" | "onFailed">;

/** Listens to a box that is opened to empty it. */
const NO_LISTENER: BoxListener = { onMessage: () => undefined, onExpired: () => undefined, onLost: () => undefined };

/** Maximum number of idle mailboxes kept because they have suspects. */
const MAX_SUSPICIOUS = 1000;
/** Maximum number of expired messages being removed at the same time. */
const MAX_EXPIRING = 1024;

/** The mailboxes of connected DIDs: they deliver what is stored in the inboxes. */
export class Mailboxes {
  readonly #options: MailboxesOptions;
  readonly #events: MailboxEvents;
  readonly #mailboxes = new Map<string, Mailbox>();
  /** DIDs of idle mailboxes with suspects, the longest idle first. */
  readonly #suspicious = new Set<string>();
  #listener: UndeliveredListener | undefined;
  #others: OtherNodes | undefined;
  #isSweeping = false;
  #isExpiring = false;

  constructor(options: MailboxesOptions) {
    this.#options = options;
    const { events } = options;
    this.#events = {
      onDelivered: (message, attempt) => events.onDelivered(message, attempt),
      onFailure: events.onFailure,
      onLost: (mailbox) => this.#onLost(mailbox),
      onSettled: events.onSettled,
      onHandled: events.onHandled,
      onRemoved: events.onRemoved,
      onDead: (message, cause) => this.#listener?.onDead(message, cause),
      onFailed: (message, failure, isReported) => this.#listener?.onFailed(message, failure, isReported),
    };
  }

  /** Sets the listener for messages that are not handled. Called once, before the first message. */
  onUndelivered(listener: UndeliveredListener): void {
    this.#listener = listener;
  }

  /** Sets where the mailboxes of DIDs with connections at other nodes are. Called once, before the first connection. */
  shareWith(others: OtherNodes): void {
    this.#others = others;
  }

  /** DIDs with a connection whose mailboxes are here. */
  get connected(): number {
    let count = 0;
    for (const mailbox of this.#mailboxes.values()) if (mailbox.connected) count++;
    return count;
  }

  /** The connections of a DID, for the console. */
  describe(did: string, maxInFlight: number): readonly DescribedConnection[] {
    return this.#mailboxes.get(did)?.describe(maxInFlight) ?? [];
  }

  /** Whether a DID has a connection, here or at another node. */
  isConnected(did: string): boolean {
    return this.#mailboxes.get(did)?.connected === true || this.#others?.isConnected(did) === true;
  }

  /** Protocols that a DID's agents have bound. */
  protocolsOf(did: string): Iterable<string> {
    const mailbox = this.#connectedMailbox(did);
    return mailbox?.routes.bindings.protocols ?? this.#others?.protocolsOf(did) ?? [];
  }

  /** Waits for what other nodes have stored about their connections before this call. @throws StorageError `storage_failed` */
  async catchUp(): Promise<void> {
    await this.#others?.catchUp();
  }

  /** Whether a connection of a DID would receive a message now. For connections at other nodes, as far as is known here. */
  wouldTake(did: string, message: Routable): boolean {
    return this.#connectedMailbox(did)?.routes.find(message) !== undefined || this.#others?.wouldTake(did, message) === true;
  }

  /** Records that a connection has sent a message on threads. Returns a promise if that is known only later. */
  recordThreads(did: string, threads: readonly string[], consumer: Consumer): Promise<void> | undefined {
    if (this.#others !== undefined) return this.#others.recordThreads(consumer, threads);
    const mailbox = this.#mailboxes.get(did);
    for (const thread of threads) mailbox?.recordThread(thread, consumer);
    return undefined;
  }

  /** The mailbox of a DID, if it is here. */
  find(did: string): Mailbox | undefined {
    return this.#mailboxes.get(did);
  }

  /** Returns the mailbox of a DID, created if necessary. */
  mailbox(did: string): Mailbox {
    let mailbox = this.#mailboxes.get(did);
    if (mailbox === undefined) {
      const { inbox, delivery } = this.#options;
      mailbox = new Mailbox(did, inbox, delivery, this.#events);
      this.#mailboxes.set(did, mailbox);
    }
    return mailbox;
  }

  /** What a new connection of a DID with these protocols would change, if it replaced the connection `except`. @throws StorageError `storage_failed` */
  preview(did: string, protocols: readonly string[], except: unknown): BindingPreview | Promise<BindingPreview> {
    return this.#others?.preview(did, protocols, except) ?? this.previewHere(did, protocols, except);
  }

  /** {@link preview} for a DID whose mailbox is here, or nowhere. */
  previewHere(did: string, protocols: readonly string[], except: unknown): BindingPreview {
    const bindings = this.#mailboxes.get(did)?.routes.bindings;
    if (bindings === undefined) return { count: protocols.length, takesOver: false };
    return { count: bindings.countWith(protocols), takesOver: bindings.wouldTakeOver(protocols, except) };
  }

  bind(did: string, consumer: Consumer, protocols: readonly string[]): BoundMailbox {
    if (this.#others !== undefined) return this.#others.bind(did, consumer, protocols);
    const mailbox = this.mailbox(did);
    mailbox.bind(consumer, protocols);
    return mailbox;
  }

  /** Ends the connections of a DID that is no longer hosted. */
  disconnect(did: string): void {
    this.#mailboxes.get(did)?.disconnect();
  }

  /** Removes a message from the inbox of a DID, without a report to its sender. Resolves when the removal is durable. */
  async discard(did: string, seq: number): Promise<void> {
    const mailbox = this.#mailboxes.get(did);
    if (mailbox !== undefined) return mailbox.discard(seq);
    return (await this.#options.inbox.peek(did)).settle([seq]);
  }

  /** Delivers a message again now. Returns `false` if no connection of the DID could receive it. */
  redeliver(did: string, seq: number): boolean {
    const mailbox = this.#mailboxes.get(did);
    if (mailbox?.connected !== true) return false;
    mailbox.redeliverNow(seq);
    return true;
  }

  /** Removes the inbox of a DID that is no longer hosted, and dead-letters its messages. */
  async forget(did: string, cause: DeadLetterCause): Promise<void> {
    const { inbox } = this.#options;
    const box = await (this.#mailboxes.get(did)?.open() ?? inbox.open(did, NO_LISTENER));
    for await (const page of pagesOf(box)) for (const message of page) this.#events.onDead(message, cause);
    await box.drop();
    // An agent may have joined under the same DID during the removal.
    if (this.#connectedMailbox(did) !== undefined) return;
    this.#mailboxes.delete(did);
    await box.close();
  }

  /** Tells the connections of a DID here that the credentials stored for it have changed. */
  walletChanged(did: string): void {
    if (this.#others !== undefined) return this.#others.walletChanged(did);
    for (const consumer of this.#mailboxes.get(did)?.consumers ?? []) consumer.walletChanged?.();
  }

  /** Redelivers, dead-letters expired messages, and drops idle mailboxes. Called by the router, every second. */
  sweep(): void {
    const { onFailure } = this.#events;
    if (!this.#isSweeping) {
      this.#isSweeping = true;
      this.#sweepMailboxes()
        .catch(onFailure)
        .finally(() => (this.#isSweeping = false));
    }
    if (this.#isExpiring) return;
    this.#isExpiring = true;
    this.#expire()
      .catch(onFailure)
      .finally(() => (this.#isExpiring = false));
  }

  #connectedMailbox(did: string): Mailbox | undefined {
    const mailbox = this.#mailboxes.get(did);
    return mailbox?.connected === true ? mailbox : undefined;
  }

  #onLost(mailbox: Mailbox): void {
    if (this.#mailboxes.get(mailbox.did) === mailbox) this.#mailboxes.delete(mailbox.did);
    mailbox.close().catch(this.#events.onFailure);
    if (this.#others !== undefined) return this.#others.onLost(mailbox);
    for (const consumer of mailbox.consumers) consumer.takenOver();
  }

  /** In time slices: there is a mailbox for each connected DID. */
  async #sweepMailboxes(): Promise<void> {
    const slice = new TimeSlice();
    for (const [did, mailbox] of this.#mailboxes) {
      if (slice.isOver) await slice.next();
      mailbox.sweep();
      const isIdle = mailbox.idle;
      if (isIdle && mailbox.hasSuspects) this.#suspicious.add(did);
      else this.#suspicious.delete(did);
      if (isIdle && !mailbox.hasSuspects && this.#mailboxes.get(did) === mailbox) this.#remove(mailbox);
    }
    for (const did of this.#suspicious) {
      if (this.#suspicious.size <= MAX_SUSPICIOUS) return;
      this.#suspicious.delete(did);
      const mailbox = this.#mailboxes.get(did);
      if (mailbox?.idle === true) this.#remove(mailbox);
    }
  }

  #remove(mailbox: Mailbox): void {
    this.#mailboxes.delete(mailbox.did);
    mailbox.close().catch(this.#events.onFailure);
  }

  async #expire(): Promise<void> {
    const { inbox, delivery } = this.#options;
    let removing: Promise<void>[] = [];
    let count = 0;
    for await (const { box, messages } of inbox.expired(delivery.clock.expiry())) {
      // An agent has connected: its mailbox continues.
      if (this.#mailboxes.has(box.recipient)) continue;
      removing.push(box.settle(messages.map(({ seq }) => seq)).catch(this.#events.onFailure));
      for (const message of messages) this.#events.onDead(message, "expired");
      count += messages.length;
      if (count < MAX_EXPIRING) continue;
      await Promise.all(removing);
      [removing, count] = [[], 0];
    }
    await Promise.all(removing);
  }
}
