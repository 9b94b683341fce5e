import { protocolOf } from "@parley/core";
import type { Inbox, InboxMessage } from "../inbox/inbox.ts";
import type { Admitted } from "./admitted.ts";
import type { Accepted, Routable, Standing } from "./accepted.ts";
import { isBuiltin } from "./builtin-protocols.ts";
import { oversize } from "./delivery-payload.ts";
import { Mailbox, type Consumer, type DeliveryOptions, type MailboxEvents } from "./mailbox.ts";
import { TOO_LARGE, type Refusal } from "./refusal.ts";

/** What {@link Recipients} is made with. */
export interface RecipientsOptions {
  readonly inbox: Inbox;
  /** Life of a message that states no `expires_time`, in milliseconds. */
  readonly messageTtlMs: number;
  /** Messages of one inbox beyond which other nodes have to wait, so that they can't fill it for the agents here. */
  readonly maxFromRemote: number;
  /** Bytes of the frame with which a message may be delivered. */
  readonly maxFrameBytes: number;
  readonly delivery: DeliveryOptions;
  readonly events: MailboxEvents;
}

const PAGE = { limit: 256, maxLength: 1024 * 1024 };

/** The recipients' side of the router: a mailbox for each DID that is connected or has messages, and the way into it. */
export class Recipients {
  readonly #options: RecipientsOptions;
  readonly #mailboxes = new Map<string, Mailbox>();

  constructor(options: RecipientsOptions) {
    this.#options = options;
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
  refuse(recipient: string, { message, routable, remote }: Accepted): Refusal | undefined {
    if (this.isConnected(recipient) && !this.wouldTake(recipient, routable) && !isBuiltin(message)) {
      return { label: "no_handler", reason: `no handler for protocol ${protocolOf(message.type) ?? message.type} at ${recipient}` };
    }
    const { inbox, maxFromRemote } = this.#options;
    return remote && inbox.depth(recipient).messages >= maxFromRemote ? inboxFull(recipient) : undefined;
  }

  /** Refuses a message that would be too large to deliver, with all that the node adds to it. */
  refuseSize({ text }: Accepted, recipient: string, { authorized, senderCredentials }: Standing): Refusal | undefined {
    const { maxFrameBytes } = this.#options;
    const size = oversize({ recipient, plaintext: text, authorized, senderCredentials }, maxFrameBytes);
    if (size === undefined) return undefined;
    const shown = senderCredentials === undefined ? "" : ", with the credentials that it presents";
    const reason = `message too large: it would be delivered in a frame of ${size} bytes${shown}; the limit is ${maxFrameBytes}`;
    return { label: "too_large", reason, code: TOO_LARGE };
  }

  /** Stores a message and sees to its delivery. Resolves once it is durable, or refused. @throws StorageError */
  async store(accepted: Accepted, recipient: string, standing: Standing): Promise<Admitted> {
    const tooLarge = this.refuseSize(accepted, recipient, standing);
    if (tooLarge !== undefined) return tooLarge;
    const { message, routable, text, remote } = accepted;
    const { inbox, delivery, messageTtlMs } = this.#options;
    const expiresAt = message.expiresTime === undefined ? delivery.now() + messageTtlMs : message.expiresTime * 1000;
    const { id, type, from, thread, parentThread } = routable;
    const { authorized, senderCredentials } = standing;
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
    if (appended.status === "full") return inboxFull(recipient);
    if (appended.status === "duplicate") return this.isConnected(recipient) ? undefined : { away: [recipient] };
    const mailbox = this.mailbox(recipient);
    mailbox.offer(appended.message, appended.durable);
    try {
      await appended.durable;
    } catch (error) {
      mailbox.retract(appended.message);
      throw error;
    }
    return mailbox.connected ? undefined : { away: [recipient] };
  }

  /** Forgets a DID that is no longer hosted, and calls `onLost` with each message that it had not read. */
  async forget(did: string, onLost: (message: InboxMessage) => void): Promise<void> {
    const { inbox } = this.#options;
    for (let after = 0; ;) {
      const page = await inbox.read(did, { after, ...PAGE });
      if (page.length === 0) break;
      page.forEach(onLost);
      after = page.at(-1)?.seq ?? after;
    }
    await inbox.drop(did);
    this.#mailboxes.delete(did);
  }

  /** Called now and then: redeliveries, expiry, and mailboxes that nobody needs any more. */
  sweep(): void {
    const { inbox } = this.#options;
    for (const did of inbox.recipients()) this.mailbox(did).sweep();
    for (const [did, mailbox] of this.#mailboxes) {
      if (mailbox.idle && inbox.depth(did).messages === 0) this.#mailboxes.delete(did);
    }
  }
}

function inboxFull(recipient: string): Refusal {
  return { label: "inbox_full", reason: `inbox full: ${recipient} has too many messages waiting` };
}
