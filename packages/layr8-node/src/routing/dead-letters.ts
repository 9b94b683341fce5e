import { decodePlaintext, type Message } from "@parley/core";
import type { InboxMessage } from "../inbox/inbox.ts";
import { answerBuiltin } from "./builtin-protocols.ts";
import type { OwnMessages } from "./own-messages.ts";
import type { CredentialDemand } from "./policy.ts";
import { reportDenial, reportProblem } from "./problem-report.ts";
import type { Recipients } from "./recipients.ts";

/** Why a message came to nothing on this node. */
export type DeathCause = "expired" | "unhandled" | "denied";

/** A problem, as a problem report tells it. */
export interface Problem {
  readonly code: string;
  readonly comment: string;
  readonly args?: readonly string[];
}

/** What {@link DeadLetters} is made with. */
export interface DeadLettersOptions {
  readonly recipients: Recipients;
  readonly own: OwnMessages;
  onDead(cause: DeathCause): void;
  onFailure(error: unknown): void;
}

/** Tells senders what became of messages that were accepted and came to nothing; and answers for agents what the node itself can answer. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Answers a message of a built-in protocol in the name of its recipient. Resolves to whether it is one. */
  async answer(message: Message, recipient: string): Promise<boolean> {
    const { recipients, own } = this.#options;
    const answer = answerBuiltin(message, recipient, recipients.protocolsOf(recipient));
    if (answer === undefined) return false;
    if (answer !== null) await own.send(answer, message);
    return true;
  }

  /** Tells a sender which credentials a recipient's policy wants. Resolves once the report is safe. */
  async denied(message: Message, recipient: string, missing: readonly CredentialDemand[]): Promise<undefined> {
    this.#options.onDead("denied");
    const report = reportDenial(message, recipient, missing);
    if (report !== undefined) await this.#options.own.send(report, message);
  }

  /** A message leaves an inbox without having been handled. */
  buried(stored: InboxMessage, cause: "expired" | "unhandled"): void {
    this.#bury(stored, cause).catch((error: unknown) => this.#options.onFailure(error));
  }

  /** Tells the sender of a message, in its recipient's name, that there was a problem with it. */
  async report(message: Message, recipient: string, { code, comment, args }: Problem): Promise<void> {
    const report = reportProblem(message, recipient, code, comment, args);
    if (report !== undefined) await this.#options.own.send(report, message);
  }

  async #bury({ plaintext, recipient }: InboxMessage, cause: "expired" | "unhandled"): Promise<void> {
    const { message } = decodePlaintext(JSON.parse(plaintext));
    if (cause === "unhandled" && (await this.answer(message, recipient))) return;
    this.#options.onDead(cause);
    await this.report(message, recipient, cause === "expired" ? expired(message) : unhandled(message, recipient));
  }
}

/** The problem of a message whose time is over. */
function expired({ id }: Message): Problem {
  return { code: "e.p.msg.expired", comment: "The message {1} expired before it was handled", args: [id] };
}

function unhandled({ type }: Message, recipient: string): Problem {
  return { code: "e.p.msg.unsupported", comment: "No agent of {1} handles {2}", args: [recipient, type] };
}
