import { protocolOf } from "@parley/core";
import { TimeSlice } from "@parley/core/internal";
import type { Records } from "@parley/storage";
import type { Appended, Inbox, InboxMessage } from "../inbox/inbox.ts";
import { ACCEPTED, type AcceptResult } from "./accept-result.ts";
import type { InboundMessage, Routable, SenderTrust } from "./inbound-message.ts";
import { isBuiltin } from "./builtin-protocols.ts";
import { oversize } from "./delivery-payload.ts";
import { InboxShares, type InboxShareRecord } from "./inbox-shares.ts";
import { Mailbox, type Consumer, type DeliveryOptions, type MailboxEvents } from "./mailbox.ts";
import { TOO_LARGE, type CheckResult, PASSED, rejected, type Rejection } from "./rejection.ts";

/** Options of {@link Mailboxes}. */
export interface MailboxesOptions {
  readonly inbox: Inbox;
  /** Lifetime of a message without `expires_time`, in milliseconds. */
  readonly messageTtlMs: number;
  /** Messages of one inbox above which messages from other nodes are rejected, so that they can't fill it. */
  readonly maxFromRemote: number;
  /** Maximum number of messages of one inbox. */
  readonly maxInboxMessages: number;
  /** Maximum number of messages of all inboxes of one owner. */
  readonly maxOwnerMessages: number;
  /** The owner of a hosted DID. */
  readonly ownerOf: (did: string) => string | undefined;
  /** Persist the number of messages of each sender in inboxes. */
  readonly shareRecords?: Records<InboxShareRecord> | undefined;
  /** Maximum bytes of the frame of a delivery. */
  readonly maxFrameBytes: number;
  readonly delivery: DeliveryOptions;
  readonly events: MailboxEvents;
}

type Stored = Extract<Appended, { readonly status: "stored" }>;

const PAGE = { limit: 256, maxLength: 1024 * 1024 };

/** Maximum number of idle mailboxes kept because they have suspects. */
const MAX_SUSPICIOUS = 1000;
/** Maximum number of expired messages being removed at the same time. */
const MAX_EXPIRING = 1024;

/** The mailboxes of connected DIDs, and the entry to all inboxes. */
export class Mailboxes {
  readonly #options: MailboxesOptions;
  readonly #shares: InboxShares;
  /** Shares of the inboxes of each owner together. */
  readonly #ownerShares: InboxShares;
  readonly #mailboxes = new Map<string, Mailbox>();
  /** The last pending write to the inbox of each DID without a mailbox. */
  readonly #writing = new Map<string, Promise<void>>();
  /** DIDs of idle mailboxes with suspects, the longest idle first. */
  readonly #suspicious = new Set<string>();
  #isSweeping = false;
  #isExpiring = false;

  constructor(options: MailboxesOptions) {
    this.#options = options;
    this.#shares = new InboxShares(options.maxInboxMessages, options.shareRecords);
    this.#ownerShares = new InboxShares(options.maxOwnerMessages);
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
    return this.#mailboxes.get(did)?.protocols ?? [];
  }

  /** Whether a connection of a DID would receive a message now. */
  wouldTake(did: string, routable: Routable): boolean {
    return this.#mailboxes.get(did)?.wouldTake(routable) === true;
  }

  /** Returns the mailbox of a DID, created if necessary. */
  mailbox(did: string): Mailbox {
    let mailbox = this.#mailboxes.get(did);
    if (mailbox === undefined) {
      const { inbox, delivery, events } = this.#options;
      mailbox = new Mailbox(did, inbox, delivery, events);
      const writing = this.#writing.get(did);
      if (writing !== undefined) mailbox.wrote(writing);
      this.#mailboxes.set(did, mailbox);
    }
    return mailbox;
  }

  /** Number of protocols bound if one more connection bound these. */
  countWith(did: string, protocols: readonly string[]): number {
    return this.#mailboxes.get(did)?.countWith(protocols) ?? protocols.length;
  }

  /** Whether a new connection of a DID with these protocols would take one from a connection other than `except`. */
  wouldTakeOver(did: string, protocols: Iterable<string>, except: unknown): boolean {
    return this.#mailboxes.get(did)?.wouldTakeOver(protocols, except) === true;
  }

  bind(did: string, consumer: Consumer, protocols: Iterable<string>): Mailbox {
    const mailbox = this.mailbox(did);
    mailbox.bind(consumer, protocols);
    return mailbox;
  }

  /** Checks a message for a hosted DID before it is stored. */
  check(recipient: string, { message, routable, remote, owner }: InboundMessage): CheckResult {
    if (this.isConnected(recipient) && !this.wouldTake(recipient, routable) && !isBuiltin(message)) {
      return rejected({
        label: "no_handler",
        reason: `no handler for protocol ${protocolOf(message.type) ?? message.type} at ${recipient}`,
      });
    }
    const { inbox, maxFromRemote, ownerOf } = this.#options;
    const waiting = inbox.depth(recipient).messages;
    if (remote && waiting >= maxFromRemote) return rejected(inboxFull(recipient));
    if (isBuiltin(message)) return PASSED;
    if (!this.#shares.hasRoom(recipient, owner, waiting)) {
      return rejected({ label: "inbox_full", reason: `inbox full: ${recipient} has too many messages of this sender waiting` });
    }
    const ownerWaiting = inbox.ownerDepth(recipient).messages;
    if (!this.#ownerShares.counts(ownerWaiting) || this.#ownerShares.hasRoom(ownerOf(recipient) ?? "", owner, ownerWaiting)) return PASSED;
    const reason = `inbox full: the API key of ${recipient} has too many messages of this sender waiting, over all of its DIDs`;
    return rejected({ label: "inbox_full", reason });
  }

  /** Persists state for the next start. Called after the last message. */
  async close(): Promise<void> {
    await this.#shares.write().catch((error: unknown) => this.#options.events.onFailure(error));
  }

  /** Rejects a message whose delivery would exceed the frame limit, context included. */
  checkSize({ text }: InboundMessage, recipient: string, { authorized, senderCredentials }: SenderTrust): CheckResult {
    const { maxFrameBytes } = this.#options;
    const size = oversize({ recipient, plaintext: text, authorized, senderCredentials }, maxFrameBytes);
    if (size === undefined) return PASSED;
    const shown = senderCredentials === undefined ? "" : ", with the credentials that it presents";
    const reason = `message too large: it would be delivered in a frame of ${size} bytes${shown}; the limit is ${maxFrameBytes}`;
    return rejected({ label: "too_large", reason, code: TOO_LARGE });
  }

  /**
   * Stores a message and delivers it. Resolves once it is durable or rejected.
   *
   * @throws StorageError
   */
  async store(inbound: InboundMessage, recipient: string, trust: SenderTrust): Promise<AcceptResult> {
    const size = this.checkSize(inbound, recipient, trust);
    if (!size.ok) return size;
    const { message, routable, text, remote } = inbound;
    const { inbox, delivery, messageTtlMs } = this.#options;
    const expiresAt = message.expiresTime === undefined ? delivery.clock.lifetimeStart() + messageTtlMs : message.expiresTime * 1000;
    const { id, type, from, thread, parentThread } = routable;
    const { authorized, senderCredentials } = trust;
    const appended = await inbox.append({
      recipient,
      id,
      type,
      from,
      thread,
      parentThread,
      plaintext: text,
      authorized,
      senderCredentials,
      expiresAt,
      expires: message.expiresTime,
      remote,
    });
    if (appended.status === "full") return rejected(appended.of === "owner" ? ownerFull(recipient) : inboxFull(recipient));
    if (appended.status === "duplicate") return this.isConnected(recipient) ? ACCEPTED : { ok: true, away: [recipient] };
    this.#shares.stored(recipient, inbound.owner, inbox.depth(recipient).messages);
    const ownerWaiting = inbox.ownerDepth(recipient).messages;
    if (this.#ownerShares.counts(ownerWaiting)) {
      this.#ownerShares.stored(this.#options.ownerOf(recipient) ?? "", inbound.owner, ownerWaiting);
    }
    this.#offer(appended);
    inbound.onStored?.();
    try {
      await appended.durable;
    } catch (error) {
      this.#mailboxes.get(recipient)?.retract(appended.message);
      throw error;
    } finally {
      if (this.#writing.get(recipient) === appended.durable) this.#writing.delete(recipient);
    }
    return this.isConnected(recipient) ? ACCEPTED : { ok: true, away: [recipient] };
  }

  /**
   * Passes a stored message to the mailbox. Without one it waits in the inbox; a mailbox created before it is durable waits for the write.
   */
  #offer({ message, durable }: Stored): void {
    const mailbox = this.#mailboxes.get(message.recipient);
    if (mailbox === undefined) this.#writing.set(message.recipient, durable);
    else mailbox.offer(message, durable);
  }

  /** Removes the inbox of a DID that is no longer hosted, and calls `onLost` for each message in it. */
  async forget(did: string, onLost: (message: InboxMessage) => void): Promise<void> {
    const { inbox } = this.#options;
    const slice = new TimeSlice();
    for (let after = 0; ;) {
      const page = await inbox.read(did, { after, ...PAGE });
      if (page.length === 0) break;
      if (slice.isOver) await slice.next();
      page.forEach(onLost);
      after = page.at(-1)?.seq ?? after;
    }
    await inbox.drop(did);
    // An agent may have joined under the same DID during the removal.
    if (!this.isConnected(did)) this.#mailboxes.delete(did);
  }

  /** Redelivers, dead-letters expired messages, and drops idle mailboxes. Called by the router, every second. */
  sweep(): void {
    const onFailure = (error: unknown): void => this.#options.events.onFailure(error);
    this.#shares.sweep((did) => this.#options.inbox.known(did)).catch(onFailure);
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
    const { inbox, delivery, events } = this.#options;
    let count = 0;
    const slice = new TimeSlice();
    for (let after = 0; ;) {
      if (slice.isOver) await slice.next();
      const page = await inbox.read(did, { after, ...PAGE });
      // An agent has connected: its mailbox continues.
      if (page.length === 0 || this.#mailboxes.has(did)) return count;
      const expired = page.filter(({ expiresAt }) => expiresAt <= delivery.clock.expiry());
      const removed = inbox.settle(
        did,
        expired.map(({ seq }) => seq),
      );
      for (const message of expired) events.onDead(message, "expired");
      removing.push(removed.catch((error: unknown) => events.onFailure(error)));
      count += expired.length;
      after = page.at(-1)?.seq ?? after;
    }
  }
}

function ownerFull(recipient: string): Rejection {
  return { label: "inbox_full", reason: `inbox full: the API key of ${recipient} has too much waiting, over all of its DIDs` };
}

function inboxFull(recipient: string): Rejection {
  return { label: "inbox_full", reason: `inbox full: ${recipient} has too many messages waiting` };
}
