import { protocolOf } from "@parley/core";
import { TimeSlice } from "@parley/core/internal";
import type { Records } from "@parley/storage";
import type { Appended, Inbox, InboxMessage } from "../inbox/inbox.ts";
import type { AcceptResult } from "./accept-result.ts";
import type { InboundMessage, Routable, SenderTrust } from "./inbound-message.ts";
import { isBuiltin } from "./builtin-protocols.ts";
import { oversize } from "./delivery-payload.ts";
import { InboxShares, type InboxShareRecord } from "./inbox-shares.ts";
import { Mailbox, type Consumer, type DeliveryOptions, type MailboxEvents } from "./mailbox.ts";
import { TOO_LARGE, type Rejection } from "./rejection.ts";

/** What {@link Mailboxes} is made with. */
export interface MailboxesOptions {
  readonly inbox: Inbox;
  /** Life of a message that states no `expires_time`, in milliseconds. */
  readonly messageTtlMs: number;
  /** Messages of one inbox beyond which other nodes have to wait, so that they can't fill it for the agents here. */
  readonly maxFromRemote: number;
  /** Messages of one inbox. */
  readonly maxInboxMessages: number;
  /** Messages of all inboxes of one owner. */
  readonly maxOwnerMessages: number;
  /** The owner of a hosted DID. */
  readonly ownerOf: (did: string) => string | undefined;
  /** Keep for the next start who has how many messages in inboxes that are not nearly empty. */
  readonly shareRecords?: Records<InboxShareRecord> | undefined;
  /** Bytes of the frame with which a message may be delivered. */
  readonly maxFrameBytes: number;
  readonly delivery: DeliveryOptions;
  readonly events: MailboxEvents;
}

type Stored = Extract<Appended, { readonly status: "stored" }>;

const PAGE = { limit: 256, maxLength: 1024 * 1024 };

/** Mailboxes without a connection that remember which messages may have broken the agent's link. */
const MAX_SUSPICIOUS = 1000;
/** Expired messages whose removal is under way at the same time. */
const MAX_EXPIRING = 1024;

/** The recipients' side of the router: a mailbox for each DID that is connected, and the way into its inbox. */
export class Mailboxes {
  readonly #options: MailboxesOptions;
  readonly #shares: InboxShares;
  /** The same for the inboxes of each owner together. */
  readonly #ownerShares: InboxShares;
  readonly #mailboxes = new Map<string, Mailbox>();
  /** The last write to the inbox of each DID without a mailbox, while it is under way. */
  readonly #writing = new Map<string, Promise<void>>();
  /** Idle mailboxes with suspects, the longest idle first. */
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

  /** Whether some connection of a DID would take a message now. */
  wouldTake(did: string, routable: Routable): boolean {
    return this.#mailboxes.get(did)?.wouldTake(routable) === true;
  }

  /** The mailbox of a DID, made where there is none. */
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

  /** How many protocols a DID's connections would have bound if one more bound these. */
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

  /** What can be known before a message is stored for a hosted DID. */
  refuse(recipient: string, { message, routable, remote, owner }: InboundMessage): Rejection | undefined {
    if (this.isConnected(recipient) && !this.wouldTake(recipient, routable) && !isBuiltin(message)) {
      return { label: "no_handler", reason: `no handler for protocol ${protocolOf(message.type) ?? message.type} at ${recipient}` };
    }
    const { inbox, maxFromRemote, ownerOf } = this.#options;
    const waiting = inbox.depth(recipient).messages;
    if (remote && waiting >= maxFromRemote) return inboxFull(recipient);
    if (isBuiltin(message)) return undefined;
    if (!this.#shares.hasRoom(recipient, owner, waiting)) {
      return { label: "inbox_full", reason: `inbox full: ${recipient} has too many messages of this sender waiting` };
    }
    const ownerWaiting = inbox.ownerDepth(recipient).messages;
    if (!this.#ownerShares.counts(ownerWaiting) || this.#ownerShares.hasRoom(ownerOf(recipient) ?? "", owner, ownerWaiting))
      return undefined;
    const reason = `inbox full: the API key of ${recipient} has too many messages of this sender waiting, over all of its DIDs`;
    return { label: "inbox_full", reason };
  }

  /** Writes what the next start needs. Called when nothing comes in any more. */
  async close(): Promise<void> {
    await this.#shares.write().catch((error: unknown) => this.#options.events.onFailure(error));
  }

  /** Refuses a message that would be too large to deliver, with all that the node adds to it. */
  refuseSize({ text }: InboundMessage, recipient: string, { authorized, senderCredentials }: SenderTrust): Rejection | undefined {
    const { maxFrameBytes } = this.#options;
    const size = oversize({ recipient, plaintext: text, authorized, senderCredentials }, maxFrameBytes);
    if (size === undefined) return undefined;
    const shown = senderCredentials === undefined ? "" : ", with the credentials that it presents";
    const reason = `message too large: it would be delivered in a frame of ${size} bytes${shown}; the limit is ${maxFrameBytes}`;
    return { label: "too_large", reason, code: TOO_LARGE };
  }

  /** Stores a message and sees to its delivery. Resolves once it is durable, or refused. @throws StorageError */
  async store(inbound: InboundMessage, recipient: string, trust: SenderTrust): Promise<AcceptResult> {
    const tooLarge = this.refuseSize(inbound, recipient, trust);
    if (tooLarge !== undefined) return tooLarge;
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
    if (appended.status === "full") return appended.of === "owner" ? ownerFull(recipient) : inboxFull(recipient);
    if (appended.status === "duplicate") return this.isConnected(recipient) ? undefined : { away: [recipient] };
    this.#shares.stored(recipient, inbound.owner, inbox.depth(recipient).messages);
    const ownerWaiting = inbox.ownerDepth(recipient).messages;
    if (this.#ownerShares.counts(ownerWaiting)) {
      this.#ownerShares.stored(this.#options.ownerOf(recipient) ?? "", inbound.owner, ownerWaiting);
    }
    this.#offer(appended);
    try {
      await appended.durable;
    } catch (error) {
      this.#mailboxes.get(recipient)?.retract(appended.message);
      throw error;
    } finally {
      if (this.#writing.get(recipient) === appended.durable) this.#writing.delete(recipient);
    }
    return this.isConnected(recipient) ? undefined : { away: [recipient] };
  }

  /** Without a mailbox the message waits in the inbox; a mailbox that is made before it is durable waits for it. */
  #offer({ message, durable }: Stored): void {
    const mailbox = this.#mailboxes.get(message.recipient);
    if (mailbox === undefined) this.#writing.set(message.recipient, durable);
    else mailbox.offer(message, durable);
  }

  /** Forgets a DID that is no longer hosted, and calls `onLost` with each message that it had not read. */
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
    // An agent may have joined as a new DID of this name meanwhile.
    if (!this.isConnected(did)) this.#mailboxes.delete(did);
  }

  /** Called every second: redelivers, ends messages that have expired, and forgets mailboxes that are not needed. */
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

  /** In slices: there is a mailbox for each DID that is connected. */
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

  /** Gives up the expired messages of a DID without a mailbox. Resolves with how many they are. */
  async #expireUnattended(did: string, removing: Promise<void>[]): Promise<number> {
    const { inbox, delivery, events } = this.#options;
    let count = 0;
    const slice = new TimeSlice();
    for (let after = 0; ;) {
      if (slice.isOver) await slice.next();
      const page = await inbox.read(did, { after, ...PAGE });
      // An agent has connected meanwhile: its mailbox does the rest.
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
