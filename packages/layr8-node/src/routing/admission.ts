import { admittedOf, type Admitted } from "./admitted.ts";
import { TRUSTED, type Accepted, type Standing } from "./accepted.ts";
import { isBuiltin } from "./builtin-protocols.ts";
import type { DeadLetters } from "./dead-letters.ts";
import { DENIED, type Policies } from "./policy.ts";
import type { Recipients } from "./recipients.ts";
import type { Refusal } from "./refusal.ts";
import type { Remote } from "./remote.ts";
import { senderCredentialsJson, type SenderCredential } from "./sender-credential.ts";
import { SenderOrder } from "./sender-order.ts";
import { isRefusal, presentationsOf, verifySender, type PresentationVerifier } from "./sender-presentation.ts";

/** What {@link Admission} is made with. */
export interface AdmissionOptions {
  readonly policies: Policies;
  readonly recipients: Recipients;
  readonly remote: Remote;
  readonly dead: DeadLetters;
  readonly isHosted: (did: string) => boolean;
}

/** A message on its way in, and those of its recipients that this is about. */
export interface Approach {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly verifier: PresentationVerifier;
  /** Whom the sender's work and messages are counted for: an API key, or another node's host or address. */
  readonly owner: string;
  readonly accepted: Accepted;
}

const NO_CREDENTIALS: readonly SenderCredential[] = [];
const NOTHING_PRESENTED: Promise<readonly SenderCredential[]> = Promise.resolve(NO_CREDENTIALS);
const TOO_MANY_WAITING: Refusal = {
  label: "rate_limited",
  reason: "rate limited: too many messages wait until earlier credentials are verified",
  code: "e.p.me.res.rate",
};

/**
 * Finds out what a sender may, from what it presents and what the policies say, and has its message stored for each recipient. Messages of
 * one sender are stored in the order in which they came.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #order = new SenderOrder();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Finds out which credentials the sender has presented, while its later messages wait, and goes on. */
  take(approach: Approach): Refusal | Promise<Admitted> {
    const { sender, recipients, accepted } = approach;
    // What is presented to recipients elsewhere is verified there.
    const presented = recipients.some(this.#options.isHosted) ? presentationsOf(accepted.message) : undefined;
    if (presented === undefined && !this.#order.isWaiting(sender)) return this.#admit(approach, NO_CREDENTIALS);
    if (this.#order.isFull(sender)) return TOO_MANY_WAITING;
    const verified = presented === undefined ? NOTHING_PRESENTED : verifySender(accepted.message, presented, recipients, approach);
    return this.#order.enqueue<readonly SenderCredential[] | Refusal, Admitted>(sender, verified, (credentials) =>
      isRefusal(credentials) ? credentials : this.#admit(approach, credentials),
    );
  }

  /** Takes a message whose sender's credentials are known, if the policies of all its recipients here let it through. */
  #admit(approach: Approach, credentials: readonly SenderCredential[]): Refusal | Promise<Admitted> {
    const { sender, recipients, accepted } = approach;
    const { policies, isHosted, remote } = this.#options;
    const { message, text } = accepted;
    const senderCredentials = credentials.length === 0 ? undefined : senderCredentialsJson(credentials);
    const stores: (() => Promise<Admitted>)[] = [];
    for (const recipient of recipients.length === 1 ? recipients : new Set(recipients)) {
      if (!isHosted(recipient)) {
        stores.push(() => remote.send(message, text, recipient));
        continue;
      }
      const verdict = policies.judge({ sender, recipient, type: message.type, credentials });
      if (verdict.kind === "denied") return denial(sender, recipient);
      if (verdict.kind === "missing") return this.#options.dead.denied(message, recipient, verdict.missing);
      const authorized = verdict.kind === "authorized";
      const standing = authorized && senderCredentials === undefined ? TRUSTED : { authorized, senderCredentials };
      if (recipients.length === 1) return this.#deliver(accepted, recipient, standing);
      const tooLarge = this.#options.recipients.refuseSize(accepted, recipient, standing);
      if (tooLarge !== undefined) return tooLarge;
      stores.push(() => this.#deliver(accepted, recipient, standing));
    }
    return Promise.all(stores.map((store) => store())).then(admittedOf);
  }

  #deliver(accepted: Accepted, recipient: string, standing: Standing): Promise<Admitted> {
    const { recipients, dead } = this.#options;
    const { message, routable } = accepted;
    if (isBuiltin(message) && !recipients.wouldTake(recipient, routable)) return dead.answer(message, recipient).then(() => undefined);
    return recipients.store(accepted, recipient, standing);
  }
}

function denial(sender: string, recipient: string): Refusal {
  return { label: "unauthorized", reason: "unauthorized", code: DENIED, comment: `${recipient} does not accept messages from ${sender}` };
}
