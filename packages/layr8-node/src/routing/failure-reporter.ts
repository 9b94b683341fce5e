import { createMessage, decodePlaintext, type Message } from "@parley/core";
import type { DamagedMessage, InboxMessage } from "../inbox/inbox.ts";
import { answerBuiltin } from "./builtin-protocols.ts";
import type { DeadLetterCause, ReportedFailure } from "./mailbox.ts";
import type { SystemMessages } from "./system-messages.ts";
import type { CredentialDemand } from "./policy.ts";
import { reportDenial, reportProblem } from "./problem-report.ts";
import type { Mailboxes } from "./mailboxes.ts";
import { TOO_LARGE } from "./rejection.ts";

/** Why a message was not delivered by this node. */
export type UndeliveredCause = DeadLetterCause | "denied" | "failed" | "damaged";

/** The fields of a message for logs. */
export type MessageSummary = Pick<InboxMessage, "id" | "type" | "from" | "recipient">;

/** Content of a problem report. */
export interface Problem {
  readonly code: string;
  readonly comment: string;
  readonly args?: readonly string[];
}

/** Options of {@link FailureReporter}. */
export interface FailureReporterOptions {
  readonly mailboxes: Mailboxes;
  readonly own: SystemMessages;
  onDead(cause: UndeliveredCause, message: MessageSummary): void;
  onFailure(error: unknown): void;
}

/**
 * Reports to senders that accepted messages could not be delivered or handled. Responds to built-in protocols for agents that don't handle
 * them.
 */
export class FailureReporter {
  readonly #options: FailureReporterOptions;

  constructor(options: FailureReporterOptions) {
    this.#options = options;
  }

  /** Responds to a message of a built-in protocol in the name of its recipient. Resolves to `false` for other protocols. */
  async answer(message: Message, recipient: string): Promise<boolean> {
    const { mailboxes, own } = this.#options;
    const answer = await answerBuiltin(message, recipient, mailboxes.protocolsOf(recipient));
    if (answer === undefined) return false;
    if (answer !== null) await own.send(answer, message);
    return true;
  }

  /** Reports to a sender which credentials a recipient's policy requires. Resolves once the report is durable. */
  async denied(message: Message, recipient: string, missing: readonly CredentialDemand[]): Promise<undefined> {
    this.#options.onDead("denied", { id: message.id, type: message.type, from: message.from, recipient });
    const report = reportDenial(message, recipient, missing);
    if (report !== undefined) await this.#options.own.send(report, message);
  }

  /** Dead-letters a message that leaves its inbox without being handled. */
  deadLettered(stored: InboxMessage, cause: DeadLetterCause): void {
    this.#deadLetter(stored, cause).catch((error: unknown) => this.#options.onFailure(error));
  }

  /** Sends a problem report to the sender of a message, in its recipient's name. */
  async report(message: Message, recipient: string, { code, comment, args }: Problem): Promise<void> {
    const report = reportProblem(message, recipient, code, comment, args);
    if (report !== undefined) await this.#options.own.send(report, message);
  }

  /** Reports that an agent failed to process a message and has not reported that itself. */
  failed(stored: InboxMessage, failure: ReportedFailure): void {
    this.#options.onDead("failed", stored);
    const { message } = decodePlaintext(JSON.parse(stored.plaintext));
    this.report(message, stored.recipient, problemOfFailure(message, failure)).catch((error: unknown) => this.#options.onFailure(error));
  }

  /** Reports a damaged message to its sender, if the sender is known. */
  damaged({ recipient, header }: DamagedMessage): void {
    const { id = "", type = "", from, thread, parentThread } = header ?? {};
    this.#options.onDead("damaged", { id, type, from, recipient });
    if (from === undefined) return;
    const threads = {
      ...(thread !== undefined && { threadId: thread }),
      ...(parentThread !== undefined && { parentThreadId: parentThread }),
    };
    const message = createMessage({ id, type, from, to: recipient, ...threads });
    const comment = "The message {1} was damaged on the disk of the node of {2}; send it again";
    this.report(message, recipient, { code: "e.p.me.res.storage", comment, args: [id, recipient] }).catch((error: unknown) =>
      this.#options.onFailure(error),
    );
  }

  async #deadLetter(stored: InboxMessage, cause: DeadLetterCause): Promise<void> {
    const { plaintext, recipient } = stored;
    const { message } = decodePlaintext(JSON.parse(plaintext));
    if (cause === "unhandled" && (await this.answer(message, recipient))) return;
    this.#options.onDead(cause, stored);
    await this.report(message, recipient, problemOf(message, recipient, cause));
  }
}

function problemOf(message: Message, recipient: string, cause: DeadLetterCause): Problem {
  switch (cause) {
    case "expired":
      return { code: "e.p.msg.expired", comment: "The message {1} expired before it was handled", args: [message.id] };
    case "unhandled":
      return { code: "e.p.msg.unsupported", comment: "No agent of {1} handles {2}", args: [recipient, message.type] };
    case "too_large":
      return { code: TOO_LARGE, comment: "The message {1} is larger than the agent of {2} can receive", args: [message.id, recipient] };
    default:
      return {
        code: "e.p.xfer.undeliverable",
        comment: "Each time the message {1} was delivered, the connection of the agent of {2} broke",
        args: [message.id, recipient],
      };
  }
}

/** Problem code of failed handlers. */
const CANT_PROCESS = "e.p.xfer.cant-process";
/** A DIDComm problem code of at most 128 characters: a sorter, a scope, descriptors. */
const PROBLEM_CODE = /^(?=.{1,128}$)[ew]\.[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+$/;
const MAX_COMMENT = 1024;

/**
 * The problem of a message that an agent failed to process. The agent's text is included only with a problem code that the agent chose:
 * SDKs also send name and text of any exception, which may be confidential.
 */
function problemOfFailure({ id }: Message, { code = "", message }: ReportedFailure): Problem {
  if (PROBLEM_CODE.test(code) && code !== CANT_PROCESS) return { code, comment: (message ?? "").slice(0, MAX_COMMENT) };
  return { code: CANT_PROCESS, comment: "The agent failed at the message {1}", args: [id] };
}
