import { TimeSlice } from "@parley/core/internal";
import type { Appended, Inbox, InboxMessage } from "../../inbox/inbox.ts";
import type { Consumer } from "./consumer.ts";
import type { Routable } from "./consumer-routes.ts";
import { Mailbox, type DeliveryOptions, type MailboxEvents } from "./mailbox.ts";

/** Options of {@link Mailboxes}. */
export interface MailboxesOptions {
  readonly inbox: Inbox;
  readonly delivery: DeliveryOptions;
  readonly events: Pick<MailboxEvents, "onDelivered" | "onSettled" | "onFailure">;
}

/** Receives the messages that leave a mailbox without being handled. */
export type UndeliveredListener = Pick<MailboxEvents, "onDead" | "onFailed">;

type Stored = Extract<Appended, { readonly status: "stored" }>;

const PAGE = { limit: 256, maxLength: 1024 * 1024 };

/** Maximum number of idle mailboxes kept because they have suspects. */
const MAX_SUSPICIOUS = 1000;
/** Maximum number of expired messages being removed at the same time. */
const MAX_EXPIRING = 1024;

/** The mailboxes of connected DIDs: they deliver what is stored in the inboxes. */
export class Mailboxes {
  readonly #options: MailboxesOptions;
  readonly #events: MailboxEvents;
  readonly #mailboxes = new Map<string, Mailbox>();
  /** The last pending write to the inbox of each DID without a mailbox. */
  readonly #writing = new Map<string, Promise<void>>();
  /** DIDs of idle mailboxes with suspects, the longest idle first. */
  readonly #suspicious = new Set<string>();
  #listener: UndeliveredListener | undefined;
  #isSweeping = false;
  #isExpiring = false;

  constructor(options: MailboxesOptions) {
    this.#options = options;
    const { events } = options;
    this.#events = {
      onDelivered: (message, attempt) => events.onDelivered(message, attempt),
      onFailure: events.onFailure,
      onSettled: events.onSettled,
      onDead: (message, cause) => this.#listener?.onDead(message, cause),
      onFailed: (message, failure) => this.#listener?.onFailed(message, failure),
    };
  }

  /** Sets the listener for messages that are not handled. Called once, before the first message. */
  onUndelivered(listener: UndeliveredListener): void {
    this.#listener = listener;
  }

  /** DIDs with a connection. */
  get connected(): number {
    let count = 0;
    for (const mailbox of this.#mailboxes.values()) if (mailbox.connected) count++;
    return count;
  }

  isConnected(did: string): boolean {
    return this.#mailboxes.get(did)?.connected === true;
  }

  /** Protocols that a DID's agents have bound. */
  protocolsOf(did: string): Iterable<string> {
    return this.#mailboxes.get(did)?.routes.bindings.protocols ?? [];
  }

  /** Whether a connection of a DID would receive a message now. */
  wouldTake(did: string, message: Routable): boolean {
    return this.#mailboxes.get(did)?.routes.find(message) !== undefined;
  }

  /** Returns the mailbox of a DID, created if necessary. */
  mailbox(did: string): Mailbox {
    let mailbox = this.#mailboxes.get(did);
    if (mailbox === undefined) {
      const { inbox, delivery } = this.#options;
      mailbox = new Mailbox(did, inbox, delivery, this.#events);
      const writing = this.#writing.get(did);
      if (writing !== undefined) mailbox.wrote(writing);
      this.#mailboxes.set(did, mailbox);
    }
    return mailbox;
  }

  /** Number of protocols bound if one more connection bound these. */
  countWith(did: string, protocols: readonly string[]): number {
    return this.#mailboxes.get(did)?.routes.bindings.countWith(protocols) ?? protocols.length;
  }

  /** Whether a new connection of a DID with these protocols would take one from a connection other than `except`. */
  wouldTakeOver(did: string, protocols: Iterable<string>, except: unknown): boolean {
    return this.#mailboxes.get(did)?.routes.bindings.wouldTakeOver(protocols, except) === true;
  }

  bind(did: string, consumer: Consumer, protocols: Iterable<string>): Mailbox {
    const mailbox = this.mailbox(did);
    mailbox.bind(consumer, protocols);
    return mailbox;
  }

  /**
   * Delivers a message appended to an inbox. Without a mailbox it waits in the inbox; a mailbox created before it is durable waits for the
   * write.
   */
  offer({ message, durable }: Stored): void {
    const mailbox = this.#mailboxes.get(message.recipient);
    if (mailbox === undefined) this.#writing.set(message.recipient, durable);
    else mailbox.offer(message, durable);
  }

  /** An offered message is durable. */
  written({ message: { recipient }, durable }: Stored): void {
    if (this.#writing.get(recipient) === durable) this.#writing.delete(recipient);
  }

  /** An offered message could not be stored. */
  retract(appended: Stored): void {
    this.#mailboxes.get(appended.message.recipient)?.retract(appended.message);
    this.written(appended);
  }

  /** Removes the inbox of a DID that is no longer hosted, and dead-letters its messages as expired. */
  async forget(did: string): Promise<void> {
    for await (const page of this.#pages(did)) for (const message of page) this.#events.onDead(message, "expired");
    await this.#options.inbox.drop(did);
    // An agent may have joined under the same DID during the removal.
    if (!this.isConnected(did)) this.#mailboxes.delete(did);
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

  /** In time slices: there is a mailbox for each connected DID. */
  async #sweepMailboxes(): Promise<void> {
    const slice = new TimeSlice();
    for (const [did, mailbox] of this.#mailboxes) {
      if (slice.isOver) await slice.next();
      mailbox.sweep();
      const isIdle = mailbox.idle;
      if (isIdle && mailbox.hasSuspects) this.#suspicious.add(did);
      else this.#suspicious.delete(did);
      if (isIdle && !mailbox.hasSuspects && this.#mailboxes.get(did) === mailbox) this.#mailboxes.delete(did);
    }
    for (const did of this.#suspicious) {
      if (this.#suspicious.size <= MAX_SUSPICIOUS) return;
      this.#suspicious.delete(did);
      if (this.#mailboxes.get(did)?.idle === true) this.#mailboxes.delete(did);
    }
  }

  async #expire(): Promise<void> {
    const { inbox, delivery } = this.#options;
    let removing: Promise<void>[] = [];
    let count = 0;
    for await (const did of inbox.expired(delivery.clock.expiry())) {
      const mailbox = this.#mailboxes.get(did);
      if (mailbox === undefined) count += await this.#expireUnattended(did, removing);
      else mailbox.expire();
      if (count < MAX_EXPIRING) continue;
      await Promise.all(removing);
      [removing, count] = [[], 0];
    }
    await Promise.all(removing);
  }

  /** Dead-letters the expired messages of a DID without a mailbox. Resolves to their number. */
  async #expireUnattended(did: string, removing: Promise<void>[]): Promise<number> {
    const { inbox, delivery } = this.#options;
    let count = 0;
    for await (const page of this.#pages(did)) {
      // An agent has connected: its mailbox continues.
      if (this.#mailboxes.has(did)) break;
      const expired = page.filter(({ expiresAt }) => expiresAt <= delivery.clock.expiry());
      const seqs = expired.map(({ seq }) => seq);
      removing.push(inbox.settle(did, seqs).catch(this.#events.onFailure));
      for (const message of expired) this.#events.onDead(message, "expired");
      count += expired.length;
    }
    return count;
  }

  /** Reads an inbox. Yields to the event loop in between. */
  async *#pages(did: string): AsyncGenerator<readonly InboxMessage[], void, undefined> {
    const slice = new TimeSlice();
    for (let after = 0; ;) {
      const page = await this.#options.inbox.read(did, { after, ...PAGE });
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      after = last.seq;
      if (slice.isOver) await slice.next();
    }
  }
}
