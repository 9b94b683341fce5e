import { decodePlaintext, PlaintextError, threadOf, type Message } from "@parley/core";
import type { Records } from "@parley/storage";
import type { DamagedMessage, Inbox, InboxMessage } from "../inbox/inbox.ts";
import type { AcceptResult } from "./accept-result.ts";
import { inboundMessage } from "./inbound-message.ts";
import { Admission, type InboundRequest } from "./admission.ts";
import { isBuiltinAnswer, MAX_PROTOCOLS } from "./builtin-protocols.ts";
import { FailureReporter, type MessageSummary, type UndeliveredCause, type Problem } from "./failure-reporter.ts";
import type { Consumer, DeliveryOptions, Mailbox } from "./mailbox.ts";
import { SystemMessages } from "./system-messages.ts";
import type { InboxShareRecord } from "./inbox-shares.ts";
import type { Policies } from "./policy.ts";
import { isProblemReport } from "./problem-report.ts";
import { readMessage, type ReadMessage } from "./read-message.ts";
import { Mailboxes } from "./mailboxes.ts";
import { type CheckResult, PASSED, rejected, type Rejection } from "./rejection.ts";
import type { Remote } from "./remote.ts";
import type { PresentationVerifier } from "./sender-presentation.ts";
import { extraUnitsOf } from "./work.ts";

/** Events of {@link Router}. */
export interface RouterEvents {
  onDelivered(message: InboxMessage, attempt: number): void;
  onDead(cause: UndeliveredCause, message: MessageSummary): void;
  /** A system message could not be stored. */
  onDropped(message: MessageSummary, reason: string): void;
  onFailure(error: unknown): void;
}

/** The sender exceeds its rate. */
export const RATE_LIMITED: Rejection = {
  label: "rate_limited",
  reason: "rate limited: slow down and send again",
  code: "e.p.me.res.rate",
};

/** Options of {@link Router}. */
export interface RouterOptions {
  readonly inbox: Inbox;
  readonly policies: Policies;
  /** Verifiers of presentations, of local agents and of agents on other nodes. */
  readonly verifiers: { readonly local: PresentationVerifier; readonly remote: PresentationVerifier };
  /** Sends to agents on other nodes. */
  readonly remote: Remote;
  /** Whether a DID is hosted here. */
  readonly isHosted: (did: string) => boolean;
  /** Lifetime of a message without `expires_time`, in milliseconds. */
  readonly messageTtlMs: number;
  /** Messages of one inbox above which messages from other nodes are rejected. */
  readonly maxFromRemote: number;
  /** Maximum number of messages of one inbox. */
  readonly maxInboxMessages: number;
  /** Maximum number of messages of all inboxes of one owner. */
  readonly maxOwnerMessages: number;
  /** The owner of a hosted DID. */
  readonly ownerOf: (did: string) => string | undefined;
  /** Persist the number of messages of each sender in the inboxes. */
  readonly shareRecords?: Records<InboxShareRecord> | undefined;
  /** Maximum bytes of the frame of a delivery. */
  readonly maxFrameBytes: number;
  readonly delivery: DeliveryOptions;
  readonly events: RouterEvents;
}

/** The owner charged for a connected agent's messages. */
export interface SenderAccount {
  /** Its API key. */
  readonly owner: string;
  /** Charges units of work; `false` if the rate is exceeded. */
  takeUnits(units: number): boolean;
}

/** A decrypted message from another node. */
export interface Received {
  readonly message: Message;
  /** Its JSON, as it came. */
  readonly text: string;
  /** The authenticated sender. */
  readonly sender: string;
  /** The DID that it was encrypted for, hosted here. */
  readonly recipient: string;
  /** The owner charged for it: the sender's host, or the client address. */
  readonly owner: string;
  /** Called when it has its place in the recipient's inbox, before it is durable. Not called for duplicates. */
  readonly onStored?: (() => void) | undefined;
}

/**
 * Accepts messages from agents and other nodes and stores them durably: in the inboxes of local recipients, and in the outbound queue for
 * the others.
 *
 * Guarantees to the sender: {@link Router.accept} and {@link Router.receive} resolve without a rejection only once every recipient's copy
 * is durable.
 */
export class Router {
  readonly #options: RouterOptions;
  readonly #mailboxes: Mailboxes;
  readonly #dead: FailureReporter;
  readonly #admission: Admission;

  constructor(options: RouterOptions) {
    const {
      inbox,
      messageTtlMs,
      maxFromRemote,
      maxInboxMessages,
      maxOwnerMessages,
      ownerOf,
      shareRecords,
      maxFrameBytes,
      delivery,
      events,
      policies,
      remote,
      isHosted,
    } = options;
    const { onDead, onFailure } = { onDead: events.onDead.bind(events), onFailure: events.onFailure.bind(events) };
    this.#options = options;
    this.#mailboxes = new Mailboxes({
      inbox,
      messageTtlMs,
      maxFromRemote,
      maxInboxMessages,
      maxOwnerMessages,
      ownerOf,
      shareRecords,
      maxFrameBytes,
      delivery,
      events: {
        ...events,
        onDead: (message, cause) => this.#dead.deadLettered(message, cause),
        onFailed: (message, failure) => this.#dead.failed(message, failure),
      },
    });
    const own = new SystemMessages({ mailboxes: this.#mailboxes, remote, isHosted, onDropped: events.onDropped.bind(events) });
    this.#dead = new FailureReporter({ mailboxes: this.#mailboxes, own, onDead, onFailure });
    this.#admission = new Admission({ policies, mailboxes: this.#mailboxes, remote, dead: this.#dead, isHosted });
  }

  /** DIDs with a connection. */
  get connected(): number {
    return this.#mailboxes.connected;
  }

  isConnected(did: string): boolean {
    return this.#mailboxes.isConnected(did);
  }

  /** Whether a new connection of a DID with these protocols would take one from a connection other than `except`. */
  wouldTakeOver(did: string, protocols: Iterable<string>, except: unknown): boolean {
    return this.#mailboxes.wouldTakeOver(did, protocols, except);
  }

  /** Whether a DID's connections would have bound more protocols than they may if one more bound these. */
  wouldExceedProtocols(did: string, protocols: readonly string[]): boolean {
    return this.#mailboxes.countWith(did, protocols) > MAX_PROTOCOLS;
  }

  bind(did: string, consumer: Consumer, protocols: Iterable<string>): Mailbox {
    return this.#mailboxes.bind(did, consumer, protocols);
  }

  /**
   * Accepts a message of a connected agent.
   *
   * @param text the plaintext's JSON, as received.
   * @param account charged for the message.
   * @returns the rejection, or, once the message is durable, the recipients that are away.
   */
  accept(sender: string, consumer: Consumer, text: string, account: SenderAccount): AcceptResult | Promise<AcceptResult> {
    let read: ReadMessage;
    try {
      read = readMessage(text);
    } catch (error) {
      if (error instanceof PlaintextError) return rejected({ label: "malformed", reason: `malformed message: ${error.message}` });
      throw error;
    }
    const { message } = read;
    const request: InboundRequest = {
      sender,
      recipients: message.to,
      verifier: this.#options.verifiers.local,
      owner: account.owner,
      inbound: inboundMessage(message, read.text, { owner: account.owner }),
    };
    const checked = this.#check(request);
    if (!checked.ok) return checked;
    const extra = extraUnitsOf(message, text.length);
    if (extra > 0 && !account.takeUnits(extra)) return rejected(RATE_LIMITED);
    // A response may arrive before this message is durable.
    const mailbox = this.#mailboxes.mailbox(sender);
    mailbox.spoke(threadOf(message), consumer);
    // A report may name its thread only as the parent; it counts as a message on that thread.
    if (message.parentThreadId !== undefined && isProblemReport(message)) mailbox.spoke(message.parentThreadId, consumer);
    return this.#admission.take(request);
  }

  /**
   * Accepts a message of another node's agent, for one recipient. The other recipients are that node's responsibility.
   *
   * @returns `ok` once the message is durable. Whether the recipient is away is not disclosed to other nodes.
   */
  async receive({ message, text, sender, recipient, owner, onStored }: Received): Promise<CheckResult> {
    const request: InboundRequest = {
      sender,
      recipients: [recipient],
      verifier: this.#options.verifiers.remote,
      owner,
      inbound: inboundMessage(message, text, { owner, remote: true, onStored }),
    };
    // The other node has lost the response. The message was accepted, whatever its checks would be now.
    if (await this.#options.inbox.remembers({ recipient, from: sender, id: message.id, expires: message.expiresTime })) return PASSED;
    const checked = this.#check(request);
    return checked.ok ? this.#admission.take(request) : checked;
  }

  /**
   * A message accepted for another node can't be delivered: reports it to its sender, unless the sender is no longer hosted here or the
   * message is a built-in response.
   */
  async undelivered(plaintext: string, recipient: string, problem: Problem): Promise<void> {
    const { message } = decodePlaintext(JSON.parse(plaintext));
    if (isBuiltinAnswer(message)) return;
    if (message.from !== undefined && this.#options.isHosted(message.from)) await this.#dead.report(message, recipient, problem);
  }

  /** A message in an inbox is damaged. */
  damaged(message: DamagedMessage): void {
    this.#dead.damaged(message);
  }

  /** Reports an internal failure. */
  failed(error: unknown): void {
    this.#options.events.onFailure(error);
  }

  /** Removes a DID that is no longer hosted, and reports its unread messages to their senders. */
  forget(did: string): Promise<void> {
    return this.#mailboxes.forget(did, (message) => this.#dead.deadLettered(message, "expired"));
  }

  /** Redelivers, expires and drops idle mailboxes. Called by the node, every second. */
  sweep(): void {
    this.#mailboxes.sweep();
  }

  /** Persists state for the next start. Called after the last message. */
  close(): Promise<void> {
    return this.#mailboxes.close();
  }

  /** Checks that need no storage, for all recipients: either all get the message or none. */
  #check({ sender, recipients, inbound }: InboundRequest): CheckResult {
    const { message } = inbound;
    if (message.from !== sender) {
      const comment = message.from === undefined ? "from is missing" : "from is not the DID that this channel is joined as";
      return rejected({ label: "unauthorized", reason: "unauthorized", code: "e.m.authz.from", comment });
    }
    if (recipients.length === 0) return rejected({ label: "malformed", reason: "malformed message: to names no recipient" });
    if (message.expiresTime !== undefined && message.expiresTime * 1000 <= this.#options.delivery.clock.expiry()) {
      return rejected({ label: "expired", reason: "message expired" });
    }
    const { isHosted, remote } = this.#options;
    for (const recipient of recipients) {
      const checked = isHosted(recipient) ? this.#mailboxes.check(recipient, inbound) : remote.check(sender, recipient);
      if (!checked.ok) return checked;
    }
    return PASSED;
  }
}
