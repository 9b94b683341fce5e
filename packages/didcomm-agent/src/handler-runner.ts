import { replyTo, type Message, type MessageInit, type Outcome } from "@parley/core";

import { ErrorKind, kindOfSendError, type ReportError } from "./error-handler.ts";
import { isLinkFailure, ServerRejectError } from "./errors.ts";
import { PASS, type HandlerEntry } from "./handlers.ts";
import { createInbound } from "./inbound-message.ts";
import { createReport, reportFor } from "./problem-report.ts";
import type { Processed } from "./processed.ts";
import { HANDLED, PASSED, type Run } from "./run.ts";
import { checkBody } from "./schema.ts";

/** Runs handlers, says what they say, and acknowledges their messages by the rules of the node's mode. */
export class HandlerRunner {
  readonly #processed: Processed;
  readonly #push: (message: Message) => Promise<void>;
  readonly #report: ReportError;

  /** @param push sends a message; it rejects with what callers of `send` see. */
  constructor(processed: Processed, push: (message: Message) => Promise<void>, report: ReportError) {
    this.#processed = processed;
    this.#push = push;
    this.#report = report;
  }

  /**
   * Takes one message through its handler. Never rejects.
   *
   * @param release called when the handler has ended and its reply is on its way: only the node's answer is awaited then.
   */
  async run(run: Run, entry: HandlerEntry, release: () => void): Promise<void> {
    const { message, context } = run;
    const { handler, manualAck, schema } = entry;
    if (run.delivery.acknowledge === "first" && !manualAck) run.settle(HANDLED);
    let body: unknown = message.body;
    if (schema !== undefined) {
      try {
        body = await checkBody(schema, message.body, message.id);
      } catch (error) {
        // Settled in any case: a body that does not fit will not fit the next time.
        return this.#fail(run, error, false);
      }
    }
    const ack = () => {
      // A second call must not forget a reply that is kept.
      if (!run.settled) this.#finish(run, HANDLED);
    };
    let reply: Message | undefined;
    try {
      const result = await handler(createInbound(message, context, body, ack));
      if (result === PASS) {
        this.#finish(run, PASSED);
        return;
      }
      reply = this.#replyFrom(run, result);
    } catch (error) {
      return this.#fail(run, error, manualAck);
    }
    const finished = !manualAck || run.settled;
    if (reply !== undefined && !(await this.#deliver(run, reply, release))) {
      if (finished) this.#processed.add(run.key, { outcome: HANDLED, reply });
    } else if (finished) {
      this.#finish(run, HANDLED);
    }
  }

  /** Says again what did not get through when the handler ran. Never rejects. */
  async deliverReply(run: Run, reply: Message): Promise<void> {
    if (run.delivery.acknowledge === "first") run.settle(HANDLED);
    if (await this.#deliver(run, reply)) this.#finish(run, HANDLED);
  }

  /** Settles a message that needs no handler any more. */
  #finish(run: Run, outcome: Outcome): void {
    this.#processed.add(run.key, { outcome: run.settle(outcome) });
  }

  // oxlint-disable-next-line typescript/no-invalid-void-type -- a handler's result
  #replyFrom(run: Run, result: MessageInit | undefined | void): Message | undefined {
    if (result === undefined || result === null) return undefined;
    const reply = replyTo(run.message, run.did, result);
    if (reply.to.length === 0) throw new TypeError("The message is anonymous: there is nobody to reply to");
    return reply;
  }

  /** Pushes a reply; `false` if the link failed and the reply is worth keeping. Calls `release` once the reply is on its way. */
  async #deliver(run: Run, reply: Message, release?: () => void): Promise<boolean> {
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
          // The sender waits for an answer that can't be written: it learns at least that much.
          if (!(error instanceof ServerRejectError)) await this.#sendReport(run, error);
          return true;
        }
        // The node has delivered the message again meanwhile, and will not do so a third time while the link holds.
        if (run.delivery === delivery) return false;
      }
    }
  }

  async #fail(run: Run, error: unknown, leaveUnsettled: boolean): Promise<void> {
    this.#report(ErrorKind.HANDLER_EXCEPTION, error, run.message);
    const { code, comment } = await this.#sendReport(run, error);
    if (leaveUnsettled) return;
    run.settle(run.delivery.acknowledge === "first" ? HANDLED : { status: "error", code, message: comment });
  }

  async #sendReport(run: Run, error: unknown): Promise<{ readonly code: string; readonly comment: string }> {
    const problem = reportFor(error, run.message);
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
