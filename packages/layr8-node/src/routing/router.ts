import { decodePlaintext, PlaintextError, threadOf, type Message } from "@parley/core";
import type { Records } from "@parley/storage";
import type { DamagedMessage, Inbox, InboxMessage } from "../inbox/inbox.ts";
import { isRefused, type AcceptResult } from "./accept-result.ts";
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
import type { Rejection } from "./rejection.ts";
import type { Remote } from "./remote.ts";
import type { PresentationVerifier } from "./sender-presentation.ts";
import { extraUnitsOf } from "./work.ts";

/** What the router tells the node. */
export interface RouterEvents {
  onDelivered(message: InboxMessage, attempt: number): void;
  onDead(cause: UndeliveredCause, message: MessageSummary): void;
  /** The node's own answer or report could not be stored. */
  onDropped(message: MessageSummary, reason: string): void;
  onFailure(error: unknown): void;
}

/** A sender's rate is used up. */
export const RATE_LIMITED: Rejection = {
  label: "rate_limited",
  reason: "rate limited: slow down and send again",
  code: "e.p.me.res.rate",
};

/** What the router needs to know. */
export interface RouterOptions {
  readonly inbox: Inbox;
  readonly policies: Policies;
  /** Verifies what senders present: agents of this node, and those of others. */
  readonly verifiers: { readonly local: PresentationVerifier; readonly remote: PresentationVerifier };
  /** The way to agents on other nodes. */
  readonly remote: Remote;
  /** Whether a DID is hosted here. */
  readonly isHosted: (did: string) => boolean;
  /** Life of a message that states no `expires_time`, in milliseconds. */
  readonly messageTtlMs: number;
  /** Messages of one inbox beyond which other nodes have to wait. */
  readonly maxFromRemote: number;
  /** Messages of one inbox. */
  readonly maxInboxMessages: number;
  /** Messages of all inboxes of one owner. */
  readonly maxOwnerMessages: number;
  /** The owner of a hosted DID. */
  readonly ownerOf: (did: string) => string | undefined;
  /** Keep for the next start who has how many messages in the inboxes. */
  readonly shareRecords?: Records<InboxShareRecord> | undefined;
  /** Bytes of the frame with which a message may be delivered. */
  readonly maxFrameBytes: number;
  readonly delivery: DeliveryOptions;
  readonly events: RouterEvents;
}

/** Whom a connected agent's messages are counted for. */
export interface SenderAccount {
  /** Its API key. */
  readonly owner: string;
  /** Takes units of work off its rate; false when it has too few left. */
  takeUnits(units: number): boolean;
}

/** A message that another node has sent, out of its envelopes. */
export interface Received {
  readonly message: Message;
  /** Its JSON, as it came. */
  readonly text: string;
  /** The DID that it is proven to be from. */
  readonly sender: string;
  /** The DID that it was encrypted for, hosted here. */
  readonly recipient: string;
  /** Whom it is counted for: the sender's host, or the address that it came from. */
  readonly owner: string;
}

/**
 * Takes messages from agents and from other nodes, and has them stored durably: in the inboxes of recipients here, and in the queue for
 * those elsewhere.
 *
 * It answers for the sender: {@link Router.accept} and {@link Router.receive} resolve without a refusal only when every recipient's copy is durable.
 */
export class Router {
  readonly #options: RouterOptions;
  readonly #recipients: Mailboxes;
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
    this.#recipients = new Mailboxes({
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
        onDead: (message, cause) => this.#dead.buried(message, cause),
        onFailed: (message, failure) => this.#dead.failed(message, failure),
      },
    });
    const own = new SystemMessages({ recipients: this.#recipients, remote, isHosted, onDropped: events.onDropped.bind(events) });
    this.#dead = new FailureReporter({ recipients: this.#recipients, own, onDead, onFailure });
    this.#admission = new Admission({ policies, recipients: this.#recipients, remote, dead: this.#dead, isHosted });
  }

  /** DIDs with a connection. */
  get connected(): number {
    return this.#recipients.connected;
  }

  isConnected(did: string): boolean {
    return this.#recipients.isConnected(did);
  }

  /** Whether a new connection of a DID with these protocols would take one from a connection other than `except`. */
  wouldTakeOver(did: string, protocols: Iterable<string>, except: unknown): boolean {
    return this.#recipients.wouldTakeOver(did, protocols, except);
  }

  /** Whether a DID's connections would have bound more protocols than they may if one more bound these. */
  wouldExceedProtocols(did: string, protocols: readonly string[]): boolean {
    return this.#recipients.countWith(did, protocols) > MAX_PROTOCOLS;
  }

  bind(did: string, consumer: Consumer, protocols: Iterable<string>): Mailbox {
    return this.#recipients.bind(did, consumer, protocols);
  }

  /**
   * Takes one message of a connected agent.
   *
   * @param text the plaintext's JSON, as it came.
   * @param account whom the message is counted for.
   * @returns why it was refused, or, once it is safe, who of its recipients is away.
   */
  accept(sender: string, consumer: Consumer, text: string, account: SenderAccount): Rejection | Promise<AcceptResult> {
    let read: ReadMessage;
    try {
      read = readMessage(text);
    } catch (error) {
      if (error instanceof PlaintextError) return { label: "malformed", reason: `malformed message: ${error.message}` };
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
    const refused = this.#refuse(request);
    if (refused !== undefined) return refused;
    const extra = extraUnitsOf(message, text.length);
    if (extra > 0 && !account.takeUnits(extra)) return RATE_LIMITED;
    // An answer may be on its way before this message is even durable.
    const mailbox = this.#recipients.mailbox(sender);
    mailbox.spoke(threadOf(message), consumer);
    // A report may name its thread as the parent only: the sender of what it is about has been told all the same.
    if (message.parentThreadId !== undefined && isProblemReport(message)) mailbox.spoke(message.parentThreadId, consumer);
    return this.#admission.take(request);
  }

  /**
   * Takes one message of another node's agent, for one recipient. The others that it names are that node's business.
   *
   * @returns why it was refused; `undefined` when it is safe. Whether the recipient is away is not for other nodes to know.
   */
  async receive({ message, text, sender, recipient, owner }: Received): Promise<Rejection | undefined> {
    const request: InboundRequest = {
      sender,
      recipients: [recipient],
      verifier: this.#options.verifiers.remote,
      owner,
      inbound: inboundMessage(message, text, { owner, remote: true }),
    };
    // Its node lost the answer. Whatever would be said against it by now, it was taken.
    if (await this.#options.inbox.remembers({ recipient, from: sender, id: message.id, expires: message.expiresTime })) return undefined;
    const admitted = this.#refuse(request) ?? (await this.#admission.take(request));
    return isRefused(admitted) ? admitted : undefined;
  }

  /** A message that was inbound for another node came to nothing: tells its sender, if it is still hosted here, and was no built-in answer. */
  async undelivered(plaintext: string, recipient: string, problem: Problem): Promise<void> {
    const { message } = decodePlaintext(JSON.parse(plaintext));
    if (isBuiltinAnswer(message)) return;
    if (message.from !== undefined && this.#options.isHosted(message.from)) await this.#dead.report(message, recipient, problem);
  }

  /** A message in an inbox turned out to be damaged. */
  damaged(message: DamagedMessage): void {
    this.#dead.damaged(message);
  }

  /** Something failed that no caller can be told of. */
  failed(error: unknown): void {
    this.#options.events.onFailure(error);
  }

  /** Forgets a DID that is no longer hosted. Senders of what it had not read are told. */
  forget(did: string): Promise<void> {
    return this.#recipients.forget(did, (message) => this.#dead.buried(message, "expired"));
  }

  /** Called now and then: redeliveries, expiry, and mailboxes that nobody needs any more. */
  sweep(): void {
    this.#recipients.sweep();
  }

  /** Writes what the next start needs. Called when nothing comes in any more. */
  close(): Promise<void> {
    return this.#recipients.close();
  }

  /** Everything that can be known before anything is stored, for all recipients: either all get the message or none. */
  #refuse({ sender, recipients, inbound }: InboundRequest): Rejection | undefined {
    const { message } = inbound;
    if (message.from !== sender) {
      const comment = message.from === undefined ? "from is missing" : "from is not the DID that this channel is joined as";
      return { label: "unauthorized", reason: "unauthorized", code: "e.m.authz.from", comment };
    }
    if (recipients.length === 0) return { label: "malformed", reason: "malformed message: to names no recipient" };
    if (message.expiresTime !== undefined && message.expiresTime * 1000 <= this.#options.delivery.clock.expiry()) {
      return { label: "expired", reason: "message expired" };
    }
    const { isHosted, remote } = this.#options;
    for (const recipient of recipients) {
      const refused = isHosted(recipient) ? this.#recipients.refuse(recipient, inbound) : remote.refuse(sender, recipient);
      if (refused !== undefined) return refused;
    }
    return undefined;
  }
}
