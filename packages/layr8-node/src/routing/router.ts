import { decodePlaintext, encodePlaintext, PlaintextError, protocolOf, threadOf, type Message } from "@parley/core";
import type { Inbox, InboxMessage, IncomingMessage } from "../inbox/inbox.ts";
import { answerBuiltin } from "./builtin-protocols.ts";
import { Mailbox, type Consumer, type DeliveryOptions } from "./mailbox.ts";
import { DENIED, type CredentialDemand, type Policies } from "./policy.ts";
import { reportDenial, reportProblem } from "./problem-report.ts";
import { readMessage, type ReadMessage } from "./read-message.ts";
import type { Refusal } from "./refusal.ts";
import { senderCredentialsJson, type SenderCredential } from "./sender-credential.ts";
import { SenderOrder } from "./sender-order.ts";
import { isRefusal, presentationsOf, verifySender, type PresentationVerifier } from "./sender-presentation.ts";

/** What the router tells the node. */
export interface RouterEvents {
  onDelivered(attempt: number): void;
  onDead(cause: "expired" | "unhandled" | "denied"): void;
  onFailure(error: unknown): void;
}

/** What the router needs to know. */
export interface RouterOptions {
  readonly inbox: Inbox;
  readonly policies: Policies;
  /** Verifies what senders present. */
  readonly verifier: PresentationVerifier;
  /** Whether a DID is hosted here. */
  readonly isHosted: (did: string) => boolean;
  /** Life of a message that states no `expires_time`, in milliseconds. */
  readonly messageTtlMs: number;
  readonly delivery: DeliveryOptions;
  readonly events: RouterEvents;
}

/** What decides where a message goes. */
type Routable = Pick<IncomingMessage, "id" | "type" | "from" | "thread" | "parentThread">;

/** A message that has been read, from a sender that is known. */
interface Accepted {
  readonly message: Message;
  readonly routable: Routable;
  readonly text: string;
}

/** What recipients are told about the sender. */
interface Standing {
  readonly authorized: boolean;
  /** JSON of the sender's credentials; `undefined` for none. */
  readonly senderCredentials: string | undefined;
}

const NO_CREDENTIALS: readonly SenderCredential[] = [];
const NOTHING_PRESENTED: Promise<readonly SenderCredential[]> = Promise.resolve(NO_CREDENTIALS);
const TOO_MANY_WAITING: Refusal = {
  label: "rate_limited",
  reason: "rate limited: too many messages wait until earlier credentials are verified",
  code: "e.p.me.res.rate",
};
const TRUSTED: Standing = { authorized: true, senderCredentials: undefined };

/**
 * Takes messages from agents, stores them durably for their recipients and sees to their delivery.
 *
 * It answers for the sender: {@link Router.accept} resolves to nothing only when every recipient's copy is durable.
 */
export class Router {
  readonly #options: RouterOptions;
  readonly #mailboxes = new Map<string, Mailbox>();
  readonly #order = new SenderOrder();

  constructor(options: RouterOptions) {
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

  bind(did: string, consumer: Consumer, protocols: Iterable<string>): Mailbox {
    const mailbox = this.#mailbox(did);
    mailbox.bind(consumer, protocols);
    return mailbox;
  }

  /**
   * Takes one message of a connected agent.
   *
   * @param text the plaintext's JSON, as it came.
   * @returns why it was refused; `undefined` when it is safe.
   */
  accept(sender: string, consumer: Consumer, text: string): Refusal | Promise<Refusal | undefined> {
    let read: ReadMessage;
    try {
      read = readMessage(text);
    } catch (error) {
      if (error instanceof PlaintextError) return { label: "malformed", reason: `malformed message: ${error.message}` };
      throw error;
    }
    const { message } = read;
    const accepted: Accepted = { message, routable: routableOf(message), text: read.text };
    const refused = this.#refuse(sender, accepted);
    if (refused !== undefined) return refused;
    // An answer may be on its way before this message is even durable.
    this.#mailbox(sender).spoke(threadOf(message), consumer);
    const presented = presentationsOf(message);
    if (presented === undefined && !this.#order.isWaiting(sender)) return this.#admit(sender, accepted, NO_CREDENTIALS);
    if (this.#order.isFull(sender)) return TOO_MANY_WAITING;
    const verified = presented === undefined ? NOTHING_PRESENTED : verifySender(message, presented, this.#options.verifier);
    return this.#order.enqueue<readonly SenderCredential[] | Refusal, Refusal | undefined>(sender, verified, (credentials) =>
      isRefusal(credentials) ? credentials : this.#admit(sender, accepted, credentials),
    );
  }

  /** Sends a message of the node's own making, where its recipient is hosted here. */
  async send(message: Message): Promise<void> {
    const text = JSON.stringify(encodePlaintext(message));
    for (const recipient of message.to) {
      if (!this.#options.isHosted(recipient)) continue;
      const refused = await this.#store({ message, routable: routableOf(message), text }, recipient, TRUSTED);
      if (refused !== undefined)
        this.#options.events.onFailure(new Error(`The node's own ${message.type} was not stored: ${refused.reason}`));
    }
  }

  /** Something failed that no caller can be told of. */
  failed(error: unknown): void {
    this.#options.events.onFailure(error);
  }

  /** Forgets a DID that is no longer hosted. Senders of what it had not read are told. */
  async forget(did: string): Promise<void> {
    const { inbox } = this.#options;
    for (let after = 0; ;) {
      const page = await inbox.read(did, { after, limit: 256, maxLength: 1024 * 1024 });
      if (page.length === 0) break;
      for (const message of page) this.#onDead(message, "expired");
      after = page.at(-1)?.seq ?? after;
    }
    await inbox.drop(did);
    this.#mailboxes.delete(did);
  }

  /** Called now and then: redeliveries, expiry, and mailboxes that nobody needs any more. */
  sweep(): void {
    const { inbox } = this.#options;
    for (const did of inbox.recipients()) this.#mailbox(did).sweep();
    for (const [did, mailbox] of this.#mailboxes) {
      if (mailbox.idle && inbox.depth(did).messages === 0) this.#mailboxes.delete(did);
    }
  }

  #mailbox(did: string): Mailbox {
    let mailbox = this.#mailboxes.get(did);
    if (mailbox === undefined) {
      const { inbox, delivery, events } = this.#options;
      mailbox = new Mailbox(did, inbox, delivery, { ...events, onDead: (message, cause) => this.#onDead(message, cause) });
      this.#mailboxes.set(did, mailbox);
    }
    return mailbox;
  }

  /** Everything that can be known before anything is stored, for all recipients: either all get the message or none. */
  #refuse(sender: string, { message, routable }: Accepted): Refusal | undefined {
    if (message.from !== sender) {
      const comment = message.from === undefined ? "from is missing" : "from is not the DID that this channel is joined as";
      return { label: "unauthorized", reason: "unauthorized", code: "e.m.authz.from", comment };
    }
    if (message.to.length === 0) return { label: "malformed", reason: "malformed message: to names no recipient" };
    if (message.expiresTime !== undefined && message.expiresTime * 1000 <= this.#options.delivery.now()) {
      return { label: "expired", reason: "message expired" };
    }
    for (const recipient of message.to) {
      const refused = this.#refuseFor(recipient, message, routable);
      if (refused !== undefined) return refused;
    }
    return undefined;
  }

  #refuseFor(recipient: string, message: Message, routable: Routable): Refusal | undefined {
    if (!this.#options.isHosted(recipient)) return { label: "unknown_recipient", reason: `unknown recipient: ${recipient}` };
    const mailbox = this.#mailboxes.get(recipient);
    if (mailbox?.connected === true && !mailbox.wouldTake(routable) && !isBuiltin(message)) {
      return { label: "no_handler", reason: `no handler for protocol ${protocolOf(message.type) ?? message.type} at ${recipient}` };
    }
    return undefined;
  }

  /** Takes a message whose sender's credentials are known, if the policies of all its recipients let it through. */
  #admit(sender: string, accepted: Accepted, credentials: readonly SenderCredential[]): Refusal | Promise<Refusal | undefined> {
    const { message } = accepted;
    const senderCredentials = credentials.length === 0 ? undefined : senderCredentialsJson(credentials);
    const takes: (() => Promise<Refusal | undefined>)[] = [];
    for (const recipient of new Set(message.to)) {
      const verdict = this.#options.policies.judge({ sender, recipient, type: message.type, credentials });
      if (verdict.kind === "denied") return denial(sender, recipient);
      if (verdict.kind === "missing") return this.#tellDenied(message, recipient, verdict.missing);
      const authorized = verdict.kind === "authorized";
      const standing = authorized && senderCredentials === undefined ? TRUSTED : { authorized, senderCredentials };
      if (message.to.length === 1) return this.#take(accepted, recipient, standing);
      takes.push(() => this.#take(accepted, recipient, standing));
    }
    return Promise.all(takes.map((take) => take())).then((verdicts) => verdicts.find((verdict) => verdict !== undefined));
  }

  #take(accepted: Accepted, recipient: string, standing: Standing): Promise<Refusal | undefined> {
    const { message, routable } = accepted;
    if (isBuiltin(message) && this.#mailboxes.get(recipient)?.wouldTake(routable) !== true) {
      return this.#answer(message, recipient).then(() => undefined);
    }
    return this.#store(accepted, recipient, standing);
  }

  async #store({ message, routable, text }: Accepted, recipient: string, standing: Standing): Promise<Refusal | undefined> {
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
    });
    if (appended.status === "full") return { label: "inbox_full", reason: `inbox full: ${recipient} has too many messages waiting` };
    if (appended.status === "duplicate") return undefined;
    const mailbox = this.#mailbox(recipient);
    mailbox.offer(appended.message, appended.durable);
    try {
      await appended.durable;
    } catch (error) {
      mailbox.retract(appended.message);
      throw error;
    }
    return undefined;
  }

  /** Tells a sender which credentials a recipient's policy wants. Resolves once the report is safe in the sender's inbox. */
  async #tellDenied(message: Message, recipient: string, missing: readonly CredentialDemand[]): Promise<undefined> {
    this.#options.events.onDead("denied");
    const report = reportDenial(message, recipient, missing);
    if (report !== undefined) await this.send(report);
  }

  async #answer(message: Message, recipient: string): Promise<boolean> {
    const answer = answerBuiltin(message, recipient, this.#mailboxes.get(recipient)?.protocols ?? []);
    if (answer === undefined) return false;
    if (answer !== null) await this.send(answer);
    return true;
  }

  #onDead(stored: InboxMessage, cause: "expired" | "unhandled"): void {
    this.#tellSender(stored, cause).catch((error: unknown) => this.#options.events.onFailure(error));
  }

  async #tellSender(stored: InboxMessage, cause: "expired" | "unhandled"): Promise<void> {
    const { message } = decodePlaintext(JSON.parse(stored.plaintext));
    if (cause === "unhandled" && (await this.#answer(message, stored.recipient))) return;
    this.#options.events.onDead(cause);
    const report =
      cause === "expired"
        ? reportProblem(message, stored.recipient, "e.p.msg.expired", "The message {1} expired before it was handled", [message.id])
        : reportProblem(message, stored.recipient, "e.p.msg.unsupported", "No agent of {1} handles {2}", [stored.recipient, message.type]);
    if (report !== undefined) await this.send(report);
  }
}

function denial(sender: string, recipient: string): Refusal {
  return { label: "unauthorized", reason: "unauthorized", code: DENIED, comment: `${recipient} does not accept messages from ${sender}` };
}

function routableOf({ id, type, from, threadId, parentThreadId }: Message): Routable {
  return { id, type, from, thread: threadId, parentThread: parentThreadId };
}

/** Whether the node itself would answer a message, if nobody else does. */
function isBuiltin(message: Message): boolean {
  return answerBuiltin(message, "did:", []) !== undefined;
}
