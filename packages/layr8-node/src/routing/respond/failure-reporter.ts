import { createMessage, type Message } from "@parley/core";
import { PLEASE_ACK } from "@parley/core/internal";
import type { DamagedMessage, InboxMessage } from "../../inbox/inbox.ts";
import { DENIED, type GrantRefusal } from "../authorize/policy.ts";
import type { CredentialDemand } from "../authorize/policy-options.ts";
import type { ReportedFailure } from "../deliver/bound-mailbox.ts";
import type { DeadLetterCause } from "../deliver/mailbox.ts";
import { TOO_LARGE } from "../rejection.ts";
import { reportDenial, reportProblem, reportUngranted } from "./problem-report.ts";
import type { ReceivedText, Receipts } from "./receipts.ts";
import type { MessageSummary, SystemMessages } from "./system-messages.ts";

/** Why a message was not delivered by this node. */
export type UndeliveredCause = DeadLetterCause | "denied" | "failed" | "damaged";

/** Content of a problem report. */
export interface Problem {
  readonly code: string;
  readonly comment: string;
  readonly args?: readonly string[];
}

/** Called when a message is not delivered. */
export type OnDead = (cause: UndeliveredCause, message: MessageSummary) => void;

/** Stores messages that failed permanently, for an operator. It does not throw. */
export type KeepDeadLetter = (stored: InboxMessage, problem: Problem) => void;

/** Reports to senders that accepted messages could not be delivered or handled: by a receipt, if the message asks for it, and a problem report. */
export class FailureReporter {
  readonly #systemMessages: SystemMessages;
  readonly #receipts: Receipts;
  readonly #onDead: OnDead;
  readonly #keep: KeepDeadLetter;

  constructor(systemMessages: SystemMessages, receipts: Receipts, onDead: OnDead, keep: KeepDeadLetter = () => undefined) {
    this.#systemMessages = systemMessages;
    this.#receipts = receipts;
    this.#onDead = onDead;
    this.#keep = keep;
  }

  /** Reports to a sender which credentials a recipient's policy requires. Resolves once the report is durable. */
  async denied(received: ReceivedText, recipient: string, missing: readonly CredentialDemand[]): Promise<void> {
    const { message } = received;
    this.#onDead("denied", { id: message.id, type: message.type, from: message.from, recipient });
    await this.#receipts.failed(received, recipient, DENIED);
    const report = reportDenial(message, recipient, missing);
    if (report !== undefined) await this.#systemMessages.send(report, message);
  }

  /** Reports to a sender that no grant permits its message. Resolves once the report is durable. */
  async ungranted(received: ReceivedText, recipient: string, refusal: GrantRefusal): Promise<void> {
    const { message } = received;
    this.#onDead("denied", { id: message.id, type: message.type, from: message.from, recipient });
    await this.#receipts.failed(received, recipient, DENIED);
    const report = reportUngranted(message, recipient, refusal);
    if (report !== undefined) await this.#systemMessages.send(report, message);
  }

  /** Sends a problem report to the sender of a message, in its recipient's name. */
  async report(received: ReceivedText, recipient: string, { code, comment, args }: Problem): Promise<void> {
    const { message } = received;
    await this.#receipts.failed(received, recipient, code);
    const report = reportProblem(message, recipient, code, comment, args);
    if (report !== undefined) await this.#systemMessages.send(report, message);
  }

  /** Reports a message that leaves its inbox without being handled. */
  async deadLettered(stored: InboxMessage, message: Message, cause: DeadLetterCause): Promise<void> {
    const problem = problemOf(message, stored.recipient, cause);
    this.#onDead(cause, stored);
    this.#keep(stored, problem);
    await this.report({ message, plaintext: stored.plaintext }, stored.recipient, problem);
  }

  /** An agent failed to process a message: reports that, unless the agent has done so itself. */
  async failed(stored: InboxMessage, message: Message, failure: ReportedFailure & { readonly isReported: boolean }): Promise<void> {
    const { recipient, plaintext } = stored;
    const problem = problemOfFailure(message, failure);
    this.#keep(stored, problem);
    if (failure.isReported) return this.#receipts.failed({ message, plaintext }, recipient, problem.code);
    this.#onDead("failed", stored);
    await this.report({ message, plaintext }, recipient, problem);
  }

  /** Reports a damaged message to its sender, if the sender is known. */
  async damaged({ recipient, header }: DamagedMessage): Promise<void> {
    const { id = "", type = "", from, thread, parentThread } = header ?? {};
    this.#onDead("damaged", { id, type, from, recipient });
    if (from === undefined) return;
    const threads = {
      ...(thread !== undefined && { threadId: thread }),
      ...(parentThread !== undefined && { parentThreadId: parentThread }),
    };
    const comment = "The message {1} was damaged on the disk of the node of {2}; send it again";
    const headers = header?.asksForReceipts === true ? { headers: { [PLEASE_ACK]: [""] } } : {};
    const message = createMessage({ id, type, from, to: recipient, ...threads, ...headers });
    const problem = { code: "e.p.me.res.storage", comment, args: [id, recipient] };
    await this.report({ message, plaintext: undefined }, recipient, problem);
  }
}

function problemOf(message: Message, recipient: string, cause: DeadLetterCause): Problem {
  switch (cause) {
    case "expired":
      return { code: "e.p.msg.expired", comment: "The message {1} expired before it was handled", args: [message.id] };
    case "unhandled":
      return { code: "e.p.msg.unsupported", comment: "No agent of {1} handles {2}", args: [recipient, message.type] };
    case "deleted":
      return {
        code: "e.p.xfer.undeliverable",
        comment: "The agent {2} was deleted before it handled the message {1}",
        args: [message.id, recipient],
      };
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
