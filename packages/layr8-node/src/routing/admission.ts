import { ACCEPTED, combineResults, type AcceptResult } from "./accept-result.ts";
import { TRUSTED, type InboundMessage, type SenderTrust } from "./inbound-message.ts";
import { isBuiltin } from "./builtin-protocols.ts";
import type { FailureReporter } from "./failure-reporter.ts";
import { DENIED, type Policies } from "./policy.ts";
import type { Mailboxes } from "./mailboxes.ts";
import { rejected, type Rejection } from "./rejection.ts";
import type { Remote } from "./remote.ts";
import { senderCredentialsJson, type SenderCredential } from "./sender-credential.ts";
import { SenderOrder } from "./sender-order.ts";
import { isRejection, presentationsOf, verifySender, type PresentationVerifier } from "./sender-presentation.ts";

/** Options of {@link Admission}. */
export interface AdmissionOptions {
  readonly policies: Policies;
  readonly mailboxes: Mailboxes;
  readonly remote: Remote;
  readonly dead: FailureReporter;
  readonly isHosted: (did: string) => boolean;
}

/** An inbound message with its sender and those of its recipients to process. */
export interface InboundRequest {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly verifier: PresentationVerifier;
  /** The owner charged for the sender's work and messages: an API key, or another node's host or address. */
  readonly owner: string;
  readonly inbound: InboundMessage;
}

const NO_CREDENTIALS: readonly SenderCredential[] = [];
const NOTHING_PRESENTED: Promise<readonly SenderCredential[]> = Promise.resolve(NO_CREDENTIALS);
const TOO_MANY_WAITING = rejected({
  label: "rate_limited",
  reason: "rate limited: too many messages wait until earlier credentials are verified",
  code: "e.p.me.res.rate",
});

/**
 * Authorizes senders by their presentations and the policies, and stores their messages for each recipient. Messages of one sender are
 * stored in order.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #order = new SenderOrder();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Verifies the sender's presentation, while its later messages wait, and stores the message. Called by the router. */
  take(request: InboundRequest): AcceptResult | Promise<AcceptResult> {
    const { sender, recipients, inbound } = request;
    // Presentations to recipients on other nodes are verified there.
    const presented = recipients.some(this.#options.isHosted) ? presentationsOf(inbound.message) : undefined;
    if (presented === undefined && !this.#order.isWaiting(sender)) return this.#admit(request, NO_CREDENTIALS);
    if (this.#order.isFull(sender)) return TOO_MANY_WAITING;
    const verified = presented === undefined ? NOTHING_PRESENTED : verifySender(inbound.message, presented, recipients, request);
    return this.#order.enqueue<readonly SenderCredential[] | Rejection, AcceptResult>(sender, verified, (credentials) =>
      isRejection(credentials) ? rejected(credentials) : this.#admit(request, credentials),
    );
  }

  /** Stores a message if the policies of all its recipients hosted here allow it. */
  #admit(request: InboundRequest, credentials: readonly SenderCredential[]): AcceptResult | Promise<AcceptResult> {
    const { sender, recipients, inbound } = request;
    const { policies, isHosted, remote } = this.#options;
    const { message, text } = inbound;
    const senderCredentials = credentials.length === 0 ? undefined : senderCredentialsJson(credentials);
    const stores: (() => Promise<AcceptResult>)[] = [];
    for (const recipient of recipients.length === 1 ? recipients : new Set(recipients)) {
      if (!isHosted(recipient)) {
        stores.push(() => remote.send(message, text, recipient));
        continue;
      }
      const verdict = policies.judge({ sender, recipient, type: message.type, credentials });
      if (verdict.kind === "denied") return rejected(denial(sender, recipient));
      if (verdict.kind === "missing") return this.#options.dead.denied(message, recipient, verdict.missing).then(() => ACCEPTED);
      const authorized = verdict.kind === "authorized";
      const trust = authorized && senderCredentials === undefined ? TRUSTED : { authorized, senderCredentials };
      if (recipients.length === 1) return this.#deliver(inbound, recipient, trust);
      const size = this.#options.mailboxes.checkSize(inbound, recipient, trust);
      if (!size.ok) return size;
      stores.push(() => this.#deliver(inbound, recipient, trust));
    }
    return Promise.all(stores.map((store) => store())).then(combineResults);
  }

  #deliver(inbound: InboundMessage, recipient: string, trust: SenderTrust): Promise<AcceptResult> {
    const { mailboxes, dead } = this.#options;
    const { message, routable } = inbound;
    if (isBuiltin(message) && !mailboxes.wouldTake(recipient, routable)) return dead.answer(message, recipient).then(() => ACCEPTED);
    return mailboxes.store(inbound, recipient, trust);
  }
}

function denial(sender: string, recipient: string): Rejection {
  return { label: "unauthorized", reason: "unauthorized", code: DENIED, comment: `${recipient} does not accept messages from ${sender}` };
}
