import { decodePlaintext, ParleyError, type DecodedMessage, type Delivery, type Message, type MessageContext } from "@parley/core";
import { ChurnMap, RECEIPT } from "@parley/core/eager";

import { ErrorKind, type ReportError } from "./error-handler.ts";
import { isExpired } from "./expiry.ts";
import type { HandlerRunner } from "./handler-runner.ts";
import type { HandlerEntry, HandlerLookup } from "./handlers.ts";
import { readContext, withReplyExpected } from "./message-context.ts";
import type { Pool } from "./pool.ts";
import { EXPIRED, isProblemReport, MALFORMED, readReport, type ProblemReportError } from "./problem-report.ts";
import { FINISHED, keyOf, type Processed } from "./processed.ts";
import type { Confirmations } from "./receipts/confirmations.ts";
import { HANDLED, PASS_OUTCOME, Run } from "./run.ts";
import type { Threads } from "./threads.ts";

/** What a {@link Dispatcher} hands messages to. */
export interface DispatcherParts {
  readonly handlers: HandlerLookup;
  readonly threads: Threads;
  readonly confirmations: Confirmations;
  readonly runner: HandlerRunner;
  readonly pool: Pool;
  readonly processed: Processed;
  readonly report: ReportError;
  /** Called with each problem report, once. */
  readonly onProblemReport: (problem: ProblemReportError, message: Message) => void;
  /** The node's time, in milliseconds since 1970. */
  readonly now: () => number;
}

/** Takes each delivery to where it belongs: a waiting request, a handler, the confirmations of sent messages, or back to the node. */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  /** Messages whose handler runs or will run. */
  readonly #runs = new ChurnMap<string, Run>();

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /** @param did the DID that the delivery came to. */
  dispatch(delivery: Delivery, did: string): void {
    const decoded = this.#decode(delivery);
    if (decoded === undefined) return;
    const { message, attachmentFaults: faults } = decoded;
    const context = withReplyExpected(readContext(delivery.context), message);
    const key = keyOf(context?.recipient ?? did, message);
    // Checked first. Otherwise a redelivered message could be taken for the response to a request that its own handler has sent on the
    // thread.
    if (this.#isDuplicate(key, delivery, message, context, did)) return;
    if (message.type === RECEIPT) return void this.#takeReceipt(new Run(key, message, context, did, delivery));
    if (faults.length > 0) {
      const cause = faults.length === 1 ? faults[0] : new AggregateError(faults, `${faults.length} attachments are malformed`);
      this.#parts.report(ErrorKind.PARSE_FAILURE, cause, message, delivery.plaintext);
    }
    const { handlers, threads, confirmations, processed, report, onProblemReport } = this.#parts;
    const problem = isProblemReport(message) ? readReport(message) : undefined;
    if (problem !== undefined) onProblemReport(problem, message);
    const isAck = message.headers !== undefined && confirmations.takeAck(message);
    if (threads.take(message, context)) {
      delivery.settle(HANDLED);
      processed.add(key, FINISHED);
      return;
    }
    // Its sender gets it as the result of the send.
    const isResult = problem !== undefined && confirmations.problemReported(problem, message);
    const exact = handlers.exact(message.type) ?? (problem === undefined ? undefined : handlers.ofReport(message));
    if (isAck && exact === undefined) {
      delivery.settle(HANDLED);
      processed.add(key, FINISHED);
      return;
    }
    if (exact === undefined && problem !== undefined) {
      delivery.settle(HANDLED);
      processed.add(key, FINISHED);
      // The call of a request that timed out has already failed.
      if (!isResult && (problem.code !== EXPIRED || !threads.isLate(message))) report(ErrorKind.SERVER_REJECT, problem, message);
      return;
    }
    const entry = exact ?? handlers.catchAll;
    if (entry === undefined && threads.isLate(message)) {
      // Passed on, it would come back to its sender as a problem.
      delivery.settle(HANDLED);
      processed.add(key, FINISHED);
      threads.keepLate(message, context);
      report(ErrorKind.NO_HANDLER, new ParleyError("late_response", "A response came after its request had ended"), message);
      return;
    }
    if (entry === undefined) {
      delivery.settle(PASS_OUTCOME);
      report(ErrorKind.NO_HANDLER, new ParleyError("no_handler", `No handler is registered for ${message.type}`), message);
      return;
    }
    this.#start(new Run(key, message, context, did, delivery), entry);
  }

  /** Drops the messages that wait for their handlers. The node delivers them again. */
  dropQueued(): void {
    this.#parts.pool.clear();
    for (const run of this.#runs.values()) if (!run.started) this.#runs.delete(run.key);
  }

  #decode(delivery: Delivery): DecodedMessage | undefined {
    try {
      return decodePlaintext(delivery.plaintext);
    } catch (error) {
      const { message } = ParleyError.from(error);
      delivery.settle(delivery.acknowledge === "first" ? HANDLED : { status: "error", code: MALFORMED, message });
      this.#parts.report(ErrorKind.PARSE_FAILURE, error, {}, delivery.plaintext);
      return undefined;
    }
  }

  #isDuplicate(key: string, delivery: Delivery, message: Message, context: MessageContext | undefined, did: string): boolean {
    const running = this.#runs.get(key);
    if (running !== undefined) {
      running.redelivered(delivery);
      return true;
    }
    const finished = this.#parts.processed.get(key);
    if (finished === undefined) return false;
    const { outcome, reply } = finished;
    if (reply === undefined) delivery.settle(outcome);
    else this.#work(new Run(key, message, context, did, delivery), (run) => this.#parts.runner.deliverReply(run, reply));
    return true;
  }

  /** A receipt that can't be verified now stays with the node, which delivers it again. */
  async #takeReceipt(run: Run): Promise<void> {
    run.started = true;
    this.#runs.set(run.key, run);
    const outcome = await this.#parts.confirmations.take(run.message);
    this.#runs.delete(run.key);
    if (outcome === "later") return;
    // Another connection of the agent may have sent the message.
    const settled = run.settle(outcome === "unknown" ? PASS_OUTCOME : HANDLED);
    this.#parts.processed.add(run.key, { outcome: settled });
  }

  #start(run: Run, entry: HandlerEntry): void {
    this.#work(run, (_run, release) => this.#parts.runner.run(run, entry, release));
  }

  #work(run: Run, task: (run: Run, release: () => void) => Promise<unknown>): void {
    this.#runs.set(run.key, run);
    let waited = false;
    const accepted = this.#parts.pool.add(async (release) => {
      run.started = true;
      // The node delivers no expired message: only the wait for a handler can have used up the rest of its time.
      if (waited && isExpired(run.message, this.#parts.now())) await this.#parts.runner.expire(run);
      else await task(run, release);
      this.#runs.delete(run.key);
    });
    waited = true;
    if (accepted) return;
    this.#runs.delete(run.key);
    const cause = new ParleyError("overloaded", "Too many messages wait for a handler; the node will deliver this one again", {
      retryable: true,
    });
    this.#parts.report(ErrorKind.HANDLER_EXCEPTION, cause, run.message);
  }
}
