import { ParleyError, replyTo, type Message, type MessageInit, type Outcome, type Telemetry } from "@parley/core";
import { describeKind, warnOnce } from "@parley/core/eager";

import { ErrorKind, kindOfSendError, type ReportError } from "./error-handler.ts";
import { isLinkFailure, ServerRejectError } from "./errors.ts";
import { PASS, type HandlerEntry } from "./handlers.ts";
import { createInbound } from "./inbound-message.ts";
import { checkAddresses, checkMessage } from "./outbound-message.ts";
import { createReport, EXPIRED, isBadBody, isRefusal, ProblemReportError, reportFor } from "./problem-report.ts";
import type { Processed } from "./processed.ts";
import { HANDLED, PASS_OUTCOME, type Run } from "./run.ts";
import { checkBody } from "./schema.ts";
import { traceProcess } from "./traced.ts";

/** The parts of a {@link HandlerRunner}. */
export interface HandlerRunnerParts {
  readonly processed: Processed;
  /** Sends a message; it rejects with what callers of `send` see. */
  readonly push: (message: Message) => Promise<void>;
  readonly report: ReportError;
  /** Whether problem reports carry the message of any error. */
  readonly exposeErrors: boolean;
  readonly telemetry?: Telemetry | undefined;
}

/** How often a handler may leave requests unanswered, or a message unacknowledged, before the developer gets a warning. */
const WARN_AT = 3;

/** Runs handlers, sends their replies, and acknowledges their messages by the rules of the node's mode. */
export class HandlerRunner {
  readonly #processed: Processed;
  readonly #push: (message: Message) => Promise<void>;
  readonly #report: ReportError;
  readonly #exposeErrors: boolean;
  readonly #telemetry: Telemetry | undefined;
  /** Requests that a handler has left without a reply. */
  readonly #unanswered = new WeakMap<HandlerEntry, number>();

  constructor({ processed, push, report, exposeErrors, telemetry }: HandlerRunnerParts) {
    this.#processed = processed;
    this.#push = push;
    this.#report = report;
    this.#exposeErrors = exposeErrors;
    this.#telemetry = telemetry;
  }

  /**
   * Takes one message through its handler. Never rejects.
   *
   * @param release called when the handler has ended and its reply is on its way: only the node's answer is awaited then.
   */
  run(run: Run, entry: HandlerEntry, release: () => void): Promise<unknown> {
    if (this.#telemetry === undefined) return this.#handle(run, entry, release);
    return traceProcess(this.#telemetry, { message: run.message, attempt: run.context?.attempt }, () => this.#handle(run, entry, release));
  }

  /** @returns the code of the problem, if the message was not handled. */
  async #handle(run: Run, entry: HandlerEntry, release: () => void): Promise<string | undefined> {
    const { message, context } = run;
    const { handler, manualAck, schema } = entry;
    if (run.delivery.acknowledge === "first" && !manualAck) run.settle(HANDLED);
    let body: unknown = message.body;
    if (schema !== undefined) {
      try {
        body = await checkBody(schema, message.body, message.id);
      } catch (error) {
        // A body that does not match will not match next time. Other failures of the schema, such as of a database that it queries, may be
        // temporary.
        return this.#fail(run, error, manualAck && !isBadBody(error, message));
      }
    }
    const ack = () => {
      // A second call must not drop a reply that is kept.
      if (!run.settled) this.#finish(run, HANDLED);
    };
    let reply: Message | undefined;
    try {
      const result = await handler(createInbound(message, context, body, ack));
      if (result === PASS) {
        this.#finish(run, PASS_OUTCOME);
        return undefined;
      }
      reply = this.#replyFrom(run, result);
    } catch (error) {
      return this.#fail(run, error, manualAck && !run.settled);
    }
    this.#warn(run, entry, reply);
    const finished = !manualAck || run.settled;
    if (reply !== undefined && !(await this.#deliver(run, reply, finished, release))) {
      if (finished) this.#processed.add(run.key, { outcome: HANDLED, reply });
    } else if (finished) {
      this.#finish(run, HANDLED);
    }
    return undefined;
  }

  /** Sends the outcome again that could not be sent when the handler ended. Never rejects. */
  async deliverReply(run: Run, reply: Message): Promise<void> {
    if (run.delivery.acknowledge === "first") run.settle(HANDLED);
    if (await this.#deliver(run, reply, true)) this.#finish(run, HANDLED);
  }

  /** Settles a message whose handling is complete. */
  #finish(run: Run, outcome: Outcome): void {
    this.#processed.add(run.key, { outcome: run.settle(outcome) });
  }

  /** Settles a message that no handler is to begin with: its time was over while it waited for one. */
  async expire(run: Run): Promise<void> {
    await this.#fail(run, new ProblemReportError(EXPIRED, "The message {1} expired before it was handled", [run.message.id]), false);
  }

  // oxlint-disable-next-line typescript/no-invalid-void-type -- a handler's result
  #replyFrom(run: Run, result: MessageInit | null | undefined | void): Message | undefined {
    if (result === undefined || result === null) return undefined;
    const { message, did } = run;
    const subject = `The reply of the handler for ${message.type}`;
    if (typeof result !== "object") throw new TypeError(`${subject} must be { type, body }, nothing or PASS, not ${describeKind(result)}`);
    let reply: Message;
    try {
      checkAddresses(result);
      if (result.from !== undefined && result.from !== did) throw new TypeError(`its from is another DID than ${did}: leave it out`);
      reply = replyTo(message, did, result);
      checkMessage(reply);
    } catch (cause) {
      throw new TypeError(`${subject} can't be sent: ${ParleyError.from(cause).message}`, { cause });
    }
    if (reply.to.length === 0) throw new TypeError(`${subject} has no recipient: the message is anonymous`);
    return reply;
  }

  /** Reports handlers that leave requests without a reply, or messages without an acknowledgement. */
  #warn(run: Run, entry: HandlerEntry, reply: Message | undefined): void {
    const { message, context } = run;
    if (entry.manualAck && !run.settled && (context?.attempt ?? 0) >= WARN_AT) {
      const text = `The handler for ${message.type} (manualAck) returned without message.ack() at the third delivery of a message`;
      warnOnce("PARLEY_NOT_ACKNOWLEDGED", `${text}; the node delivers it again until it expires`);
    }
    // A handler that has not acknowledged the message yet may answer later.
    const answersLater = entry.manualAck && !run.settled;
    if (reply !== undefined || answersLater || context?.replyExpected !== true) return;
    const unanswered = (this.#unanswered.get(entry) ?? 0) + 1;
    this.#unanswered.set(entry, unanswered);
    if (unanswered < WARN_AT) return;
    const text = `The handler for ${message.type} returned nothing to ${WARN_AT} requests, whose senders wait for a response`;
    warnOnce("PARLEY_NO_REPLY", `${text} (context.replyExpected): return a message, or send one on the thread`);
  }

  /**
   * Pushes a reply; `false` if the link failed and the reply is worth keeping.
   *
   * @param final the message won't come again, so that a failure can be reported to its sender.
   * @param release called once the reply is on its way.
   */
  async #deliver(run: Run, reply: Message, final: boolean, release?: () => void): Promise<boolean> {
    for (;;) {
      const { delivery } = run;
      try {
        const pushed = this.#push(reply);
        release?.();
        await pushed;
        return true;
      } catch (error) {
        this.#report(kindOfSendError(error), error, reply);
        if (!isLinkFailure(error)) {
          // The sender waits for a reply that can't be written, or that the node refuses. An unacknowledged message comes again, and may
          // have another reply then.
          if (final && (!(error instanceof ServerRejectError) || run.context?.replyExpected === true))
            await this.#sendReport(run, error, "The reply could not be sent");
          return true;
        }
        // The node has redelivered the message since, and will not do so a third time while the link is up.
        if (run.delivery === delivery) return false;
      }
    }
  }

  /**
   * @param redeliver the node delivers the message again, so that nothing final can be reported to its sender.
   * @returns the code of the problem.
   */
  async #fail(run: Run, error: unknown, redeliver: boolean): Promise<string> {
    const refused = !redeliver && (isRefusal(error) || isBadBody(error, run.message));
    this.#report(refused ? ErrorKind.REFUSED : ErrorKind.HANDLER_EXCEPTION, error, run.message);
    if (redeliver) return ParleyError.from(error).code;
    const { code, comment } = await this.#sendReport(run, error, "The handler failed");
    run.settle(run.delivery.acknowledge === "first" ? HANDLED : { status: "error", code, message: comment });
    return code;
  }

  async #sendReport(run: Run, error: unknown, what: string): Promise<{ readonly code: string; readonly comment: string }> {
    const problem = reportFor(error, run.message, what, this.#exposeErrors);
    const report = createReport(run.message, run.did, problem);
    if (report !== undefined) {
      try {
        await this.#push(report);
      } catch (failure) {
        this.#report(kindOfSendError(failure), failure, report);
      }
    }
    return problem;
  }
}
