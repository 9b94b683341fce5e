import { decodePlaintext, type Message, type ReceiptState } from "@parley/core";
import type { DamagedMessage, InboxMessage } from "../inbox/inbox.ts";
import { asksForReceipts, KeyedMutex } from "@parley/core/internal";
import { WRAPPER_TYPE } from "@parley/didcomm-crypto";
import { extraUnitsOf } from "../work-units.ts";
import { Authorizer, type AuthorizationResult, type AuthorizerOptions } from "./authorize/authorizer.ts";
import type { Consumer } from "./deliver/consumer.ts";
import type { DeliveryOptions } from "./deliver/delivery-options.ts";
import type { DeadLetterCause, MailboxEvents } from "./deliver/mailbox.ts";
import { Mailboxes } from "./deliver/mailboxes.ts";
import { checkWrapper } from "./end-to-end/check-wrapper.ts";
import { openForNode } from "./end-to-end/open-for-node.ts";
import { auditedMessage, type RoutedMessage } from "./routed-message.ts";
import { parseMessage } from "./parse/parse-message.ts";
import {
  ACCEPTED,
  combineResults,
  PASSED,
  RATE_LIMITED,
  rejected,
  type AcceptResult,
  type CheckResult,
  type Rejected,
  type Rejection,
} from "./rejection.ts";
import { builtinResponse, isBuiltin, isUnknownToSender } from "./respond/builtin-protocols.ts";
import { isMediated } from "../mediation/mediated-queue.ts";
import type { Mediator } from "../mediation/mediator.ts";
import { DENIED } from "./authorize/policy.ts";
import { FailureReporter, type KeepDeadLetter, type OnDead, type Problem } from "./respond/failure-reporter.ts";
import { isProblemReport } from "./respond/problem-report.ts";
import { Receipts, type SignReceipt } from "./respond/receipts.ts";
import { SystemMessages, type MessageSummary } from "./respond/system-messages.ts";
import { MessageStore, type MessageStoreOptions } from "./store/message-store.ts";

/** Events of {@link Router}. */
export interface RouterEvents extends Pick<MailboxEvents, "onDelivered" | "onSettled" | "onRemoved" | "onFailure"> {
  /** A message was accepted. Absent without listeners, so that a message costs nothing. */
  readonly onAccepted?: ((inbound: RoutedMessage) => void) | undefined;
  /** A message was rejected. `inbound` is absent if it can't be read. Absent without listeners. */
  readonly onRejected?: ((sender: string, rejection: Rejection, inbound: RoutedMessage | undefined) => void) | undefined;
  /** See `MessageStoreOptions.onDurable`. */
  readonly onDurable?: ((ms: number) => void) | undefined;
  /** A receipt was sent. */
  readonly onReceipt?: ((state: ReceiptState) => void) | undefined;
  readonly onDead: OnDead;
  /** A system message could not be stored. */
  readonly onDropped: (message: MessageSummary, reason: string) => void;
}

/** Options of {@link Router}. */
export interface RouterOptions
  extends Omit<MessageStoreOptions, "clock" | "onDurable" | "onFailure">, Pick<AuthorizerOptions, "policies" | "verifiers" | "grantCache"> {
  readonly delivery: DeliveryOptions;
  readonly events: RouterEvents;
  readonly signReceipt: SignReceipt;
  /** Answers the messages for its DID. Default: none. */
  readonly mediator?: Mediator | undefined;
  /** Stores messages that failed permanently. Default: none. */
  readonly keepDeadLetter?: KeepDeadLetter | undefined;
  /** Waits for DIDs and bindings that other nodes have by now, before a message is rejected for lack of them. Absent on a single node. */
  readonly catchUp?: (() => Promise<void>) | undefined;
}

/** The owner charged for a connected agent's messages. */
export interface SenderAccount {
  /** Its API key. */
  readonly owner: string;
  /** Charges units of work; `false` if the rate is exceeded. */
  takeUnits(units: number): boolean;
}

/** Labels of rejections for which other nodes may have a reason no longer. */
const MAY_BE_OUTDATED: ReadonlySet<string> = new Set(["unknown_recipient", "no_handler"]);

/**
 * Accepts messages from agents and other nodes. A message passes four steps: it is parsed, authorized, stored, and delivered. The first part of
 * the second step, `Authorizer.check`, also asks {@link MessageStore.check} whether each recipient can be reached and has room, so that a message
 * that could not be stored costs no verification of credentials.
 *
 * Guarantees to the sender: {@link Router.accept} and {@link Router.receive} resolve without a rejection only once every recipient's copy
 * is durable: in the inbox of a local recipient, in the outbound queue for another.
 */
export class Router {
  readonly #options: RouterOptions;
  /** The connections of agents. */
  readonly mailboxes: Mailboxes;
  readonly #messages: MessageStore;
  readonly #authorizer: Authorizer;
  readonly #systemMessages: SystemMessages;
  readonly #receipts: Receipts;
  readonly #failures: FailureReporter;
  /** Encrypted messages that the node decrypts, by sender: they keep their order. */
  readonly #opening = new KeyedMutex();

  constructor(options: RouterOptions) {
    const { inbox, delivery, events, policies, verifiers, grantCache, remote, isHosted } = options;
    const { clock } = delivery;
    this.#options = options;
    this.mailboxes = new Mailboxes({
      inbox,
      delivery,
      events: {
        ...events,
        onDelivered: (message, attempt) => {
          events.onDelivered(message, attempt);
          if (message.asksForReceipts === true && attempt === 1) this.#receipts.delivered(message);
        },
        onHandled: (message) => this.#receipts.handled(message),
      },
    });
    this.#messages = new MessageStore(this.mailboxes, { ...options, clock, onDurable: events.onDurable, onFailure: events.onFailure });
    this.#authorizer = new Authorizer({ policies, verifiers, grantCache, store: this.#messages, isHosted, clock });
    this.#systemMessages = new SystemMessages({ store: this.#messages, remote, isHosted, onDropped: events.onDropped });
    this.#receipts = new Receipts({
      sign: options.signReceipt,
      send: (receipt) => this.#systemMessages.send(receipt),
      onSent: events.onReceipt,
      onFailure: events.onFailure,
      now: () => clock.expiry(),
    });
    this.#failures = new FailureReporter(this.#systemMessages, this.#receipts, events.onDead, options.keepDeadLetter);
    options.mediator?.start({
      send: (message) => this.#systemMessages.send(message, message),
      isReachable: (agent) => !isHosted(agent) || this.mailboxes.isConnected(agent),
      onFailure: events.onFailure,
    });
    this.mailboxes.onUndelivered({
      onDead: (stored, cause) => void this.#deadLetter(stored, cause).catch(events.onFailure),
      onFailed: (stored, failure, isReported) =>
        void this.#failures.failed(stored, readStored(stored), { ...failure, isReported }).catch(events.onFailure),
    });
  }

  /**
   * Accepts a message of a connected agent.
   *
   * @param text the plaintext's JSON, as received.
   * @param account charged for the message.
   * @returns the rejection, or, once the message is durable, the recipients that are away.
   */
  accept(sender: string, consumer: Consumer, text: string, account: SenderAccount): AcceptResult | Promise<AcceptResult> {
    const parsed = parseMessage(text, sender, account.owner);
    if (!parsed.ok) return this.#rejectedBy(parsed, sender);
    const { inbound } = parsed;
    const holdsKeys = this.#options.crypto.keysAtAgent(sender);
    if (holdsKeys || inbound.type === WRAPPER_TYPE) return this.#acceptEncrypted(inbound, holdsKeys, consumer, account);
    return this.#checkAndAccept(inbound, consumer, account);
  }

  /** Accepts a message of an agent that holds its keys itself. The node decrypts it only if it holds those of the recipient. */
  #acceptEncrypted(
    inbound: RoutedMessage,
    holdsKeys: boolean,
    consumer: Consumer,
    account: SenderAccount,
  ): AcceptResult | Promise<AcceptResult> {
    const wrapper = checkWrapper(inbound, holdsKeys);
    if (!wrapper.ok) return this.#rejectedBy(wrapper, inbound.sender, inbound);
    const { crypto } = this.#options;
    if (!crypto.keysAtNode(wrapper.recipient)) return this.#checkAndAccept(inbound, consumer, account);
    const opening = this.#opening.run(inbound.sender, async () => {
      const opened = await openForNode(inbound, wrapper, crypto);
      // Not awaited here: the next message is decrypted while this one becomes durable.
      return {
        accepted: opened.ok ? this.#checkAndAccept(opened.inbound, consumer, account) : this.#rejectedBy(opened, inbound.sender, inbound),
      };
    });
    return opening.then(({ accepted }) => accepted);
  }

  #checkAndAccept(inbound: RoutedMessage, consumer: Consumer, account: SenderAccount): AcceptResult | Promise<AcceptResult> {
    const checked = this.#check(inbound);
    if (checked instanceof Promise) return checked.then((again) => this.#acceptChecked(again, inbound, consumer, account));
    return this.#acceptChecked(checked, inbound, consumer, account);
  }

  /** A message is not rejected for what this node has not learned yet. */
  #check(inbound: RoutedMessage): CheckResult | Promise<CheckResult> {
    const checked = this.#authorizer.check(inbound);
    const { catchUp } = this.#options;
    if (checked.ok || catchUp === undefined || !MAY_BE_OUTDATED.has(checked.rejection.label)) return checked;
    return catchUp().then(() => this.#authorizer.check(inbound));
  }

  #acceptChecked(
    checked: CheckResult,
    inbound: RoutedMessage,
    consumer: Consumer,
    account: SenderAccount,
  ): AcceptResult | Promise<AcceptResult> {
    const { sender, text } = inbound;
    if (!checked.ok) return this.#rejectedBy(checked, sender, inbound);
    const extra = extraUnitsOf(inbound.message, text.length);
    if (extra > 0 && !account.takeUnits(extra)) return this.#rejectedBy(rejected(RATE_LIMITED), sender, inbound);
    const recording = this.#recordThreads(inbound, consumer);
    if (recording === undefined) return this.#authorize(inbound);
    return recording.then(() => this.#authorize(inbound));
  }

  /**
   * Accepts a decrypted message of another node's agent, for one recipient. The other recipients are that node's responsibility.
   *
   * @returns `ok` once the message is durable. Whether the recipient is away is not disclosed to other nodes.
   */
  async receive(inbound: RoutedMessage): Promise<CheckResult> {
    // The other node has lost the response. The message was accepted, whatever its checks would be now.
    if (await this.#messages.remembers(inbound)) return this.#storedBefore(inbound);
    const checked = await this.#check(inbound);
    if (!checked.ok) return this.#rejectedBy(checked, inbound.sender, inbound);
    return this.#authorize(inbound);
  }

  /** Confirms a message again that was stored before: if the node ended in between, the first receipt is missing. */
  async #storedBefore({ message, recipients: [recipient = ""] }: RoutedMessage): Promise<CheckResult> {
    const { id, from } = message;
    if (asksForReceipts(message)) await this.#receipts.queued({ id, from, recipient }, () => Promise.resolve({ ok: true, isNew: false }));
    return PASSED;
  }

  #authorize(inbound: RoutedMessage): AcceptResult | Promise<AcceptResult> {
    return this.#reported(inbound, this.#authorizer.authorize(inbound, this.#afterAuthorization));
  }

  #rejectedBy(result: Rejected, sender: string, inbound?: RoutedMessage): Rejected {
    this.#options.events.onRejected?.(sender, result.rejection, inbound);
    return result;
  }

  /** Calls `onAccepted` once the message is stored, or `onRejected`. */
  #reported(inbound: RoutedMessage, result: AcceptResult | Promise<AcceptResult>): AcceptResult | Promise<AcceptResult> {
    const { onAccepted, onRejected } = this.#options.events;
    if (onAccepted === undefined) return result;
    const report = (accepted: AcceptResult): AcceptResult => {
      if (accepted.ok) onAccepted(inbound);
      else onRejected?.(inbound.sender, accepted.rejection, inbound);
      return accepted;
    };
    return result instanceof Promise ? result.then(report) : report(result);
  }

  /** Called by the authorizer with its result, in the sender's order: stores an authorized message for its recipients. {@link Mailboxes} deliver it to the connections of those hosted here. */
  readonly #afterAuthorization = (inbound: RoutedMessage, authorized: AuthorizationResult): AcceptResult | Promise<AcceptResult> => {
    const { message, text: plaintext, recipients } = inbound;
    if (!authorized.ok) {
      if ("rejection" in authorized) return authorized;
      // The push is answered with ok: the problem report, which names the missing credentials, is stored for the sender.
      const { recipient } = authorized;
      // The node can't report to another one in the name of an agent that holds its keys itself.
      if (inbound.remote && this.#options.crypto.keysAtAgent(recipient)) return deniedTo(inbound.sender, recipient);
      this.#options.audit?.refused(auditedMessage(inbound, recipient), DENIED);
      const reported =
        "missing" in authorized
          ? this.#failures.denied({ message, plaintext }, recipient, authorized.missing)
          : this.#failures.ungranted({ message, plaintext }, recipient, authorized.refusal);
      return reported.then(() => ACCEPTED);
    }
    const [first = ""] = recipients;
    if (recipients.length === 1) return this.#storeFor(inbound, first);
    return Promise.all(Array.from(new Set(recipients), (recipient) => this.#storeFor(inbound, recipient))).then(combineResults);
  };

  #storeFor(inbound: RoutedMessage, recipient: string): Promise<AcceptResult> {
    const { mediator, isHosted, audit, crypto } = this.#options;
    const isForMediator = mediator?.handles(inbound, recipient) === true;
    const isUnhandled = isBuiltin(inbound) && isHosted(recipient) && !this.mailboxes.wouldTake(recipient, inbound);
    const isForNode = isForMediator || (isUnhandled && !crypto.keysAtAgent(recipient));
    if (!isForNode) {
      const isConfirmed = asksForReceipts(inbound.message) && isHosted(recipient);
      return isConfirmed ? this.#storeConfirmed(inbound, recipient) : this.#messages.store(inbound, recipient);
    }
    audit?.answered(auditedMessage(inbound, recipient));
    const answering = isForMediator ? this.#mediate(inbound.message) : this.#respond(inbound.message, inbound.text, recipient);
    return answering.then(() => ACCEPTED);
  }

  async #storeConfirmed(inbound: RoutedMessage, recipient: string): Promise<AcceptResult> {
    const { id, from } = inbound.message;
    const confirmed = { id, from, recipient, plaintext: inbound.text };
    let isNew = false;
    const onStored = (): void => {
      isNew = true;
      inbound.onStored?.();
    };
    const stored = await this.#receipts.queued(confirmed, async () => {
      const result = await this.#messages.store({ ...inbound, onStored }, recipient);
      return { ok: result.ok, isNew, result };
    });
    return stored.result;
  }

  async #mediate(message: Message): Promise<void> {
    const response = await this.#options.mediator?.respond(message);
    if (response !== undefined) await this.#systemMessages.send(response, message);
  }

  /** Responds to a message of a built-in protocol in the name of a recipient whose agents don't handle it. */
  async #respond(message: Message, plaintext: string, recipient: string): Promise<void> {
    const response = await builtinResponse(message, recipient, this.mailboxes.protocolsOf(recipient));
    if (response !== undefined) await this.#systemMessages.send(response, message);
    const { id, from } = message;
    if (asksForReceipts(message)) await this.#receipts.handled({ id, from, recipient, plaintext });
  }

  /** Responses are routed to the connection that has sent on their thread. They may arrive before the request is durable. */
  #recordThreads({ sender, id, thread = id, parentThread, message }: RoutedMessage, consumer: Consumer): Promise<void> | undefined {
    // A report may name its thread only as the parent; it counts as a message on that thread.
    const isReport = parentThread !== undefined && isProblemReport(message);
    return this.mailboxes.recordThreads(sender, isReport ? [thread, parentThread] : [thread], consumer);
  }

  async #deadLetter(stored: InboxMessage, cause: DeadLetterCause): Promise<void> {
    // Its sender is not known here.
    if (isMediated(stored)) return;
    const message = readStored(stored);
    if (cause === "unhandled" && isBuiltin(stored)) await this.#respond(message, stored.plaintext, stored.recipient);
    else await this.#failures.deadLettered(stored, message, cause);
  }

  /**
   * A message accepted for another node can't be delivered: reports it to its sender, unless the sender is no longer hosted here or the
   * message is unknown to it.
   */
  async undelivered(plaintext: string, recipient: string, problem: Problem): Promise<void> {
    const message = readStored({ plaintext });
    if (isUnknownToSender(message)) return;
    if (message.from !== undefined && this.#options.isHosted(message.from))
      await this.#failures.report({ message, plaintext }, recipient, problem);
  }

  /** A message in an inbox is damaged. */
  damaged(message: DamagedMessage): void {
    this.#failures.damaged(message).catch(this.#options.events.onFailure);
  }

  /** Removes a DID that is no longer hosted, and reports its unread messages to their senders. */
  forget(did: string, cause: "expired" | "deleted"): Promise<void> {
    this.mailboxes.disconnect(did);
    return this.mailboxes.forget(did, cause);
  }

  /** Redelivers, expires and drops idle mailboxes. Called by the node, every second. */
  sweep(): void {
    this.#messages.sweep();
    this.mailboxes.sweep();
  }

  /** Resolves once the receipts of all outcomes so far are durable. Called after the last outcome. */
  idle(): Promise<void> {
    return this.#receipts.idle();
  }

  /** Persists state for the next start. Called after the last message. */
  close(): Promise<void> {
    return this.#messages.close();
  }
}

function readStored({ plaintext }: Pick<InboxMessage, "plaintext">): Message {
  return decodePlaintext(JSON.parse(plaintext)).message;
}

function deniedTo(sender: string, recipient: string): Rejected {
  const comment = `${recipient} accepts messages from ${sender} only with credentials or grants, which its node can't see in messages that agents have encrypted`;
  return rejected({ label: "unauthorized", reason: "unauthorized", code: DENIED, comment });
}
