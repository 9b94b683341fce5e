import type { JsonObject, Message, ReceiptState } from "@parley/core";
import { ACK, ChurnMap, isJsonArray, MAX_TIMER_MS } from "@parley/core/eager";

import { AbortGroup } from "../abort-group.ts";
import type { ProblemReportError } from "../problem-report.ts";
import { digestOf } from "./digest-of.ts";
import { readClaim, verifyClaim, type ClaimedReceipt } from "./read-receipt.ts";
import { ReceiptError, ReceiptRejectedError, type ReceiptRejectionCode } from "./receipt-error.ts";
import type { Receipt, ReceiptVerifier } from "./receipt.ts";
import { SentMessage } from "./sent-message.ts";

/** Calls that may wait for receipts at the same time. */
const MAX_WAITING = 10_000;
/** Messages without a waiting call whose receipts are still accepted. */
const MAX_REMEMBERED = 1024;
/** Ids of one `ack` header that are read. */
const MAX_ACKS = 64;
/** How long a signed receipt may follow an agent's problem report, in milliseconds. */
const REPORT_GRACE_MS = 2000;
/** A message that only acknowledges others. */
const EMPTY = "https://didcomm.org/empty/1.0/empty";

/** Options of {@link Confirmations}. */
export interface ConfirmationsOptions {
  /** Verifies receipts of messages that a DID has sent. `undefined` if this client can't. */
  readonly verifier: (did: string) => ReceiptVerifier | undefined;
  readonly onRejected: (error: ReceiptRejectedError, message: Message) => void;
  /** An application's listener has failed. */
  readonly onListenerFailure: (error: unknown) => void;
}

/** How long a call waits, and for what. */
export interface ConfirmationWait {
  readonly until: ReceiptState;
  /** `MAX_TIMER_MS` waits without limit. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onPlaintext?: ((plaintext: string) => unknown) | undefined;
  readonly onReceipt: ((receipt: Receipt) => unknown) | undefined;
}

/** A call that waits for receipts. */
interface Waiter {
  readonly until: ReceiptState;
  settle(outcome: { readonly receipts: readonly Receipt[] } | { readonly error: unknown }): void;
}

/** A message, the call that waits for its receipts, and the verification of the latest receipt. */
interface Confirmation {
  readonly sent: SentMessage;
  waiter: Waiter | undefined;
  onReceipt: ConfirmationWait["onReceipt"];
  verifying: Promise<unknown>;
  /** Resolves when its first text is sent, or none is: an earlier process may have sent a message with its id, whose receipts come before. */
  readonly started: Promise<void>;
  readonly start: () => void;
  /** Resolves when the digests of all texts so far are known. */
  hashing: Promise<unknown>;
  /** Set after a problem report, until the signed receipt comes. */
  reported: NodeJS.Timeout | undefined;
}

/** The outcome of a delivered receipt: `unknown` may be for another connection of the agent, `later` comes again. */
export type ReceiptOutcome = "accepted" | "rejected" | "unknown" | "later";

/** Messages of one DID that ask for receipts. They outlast the link: receipts wait at the node while it is down. */
export class Confirmations {
  readonly #options: ConfirmationsOptions;
  readonly #aborts = new AbortGroup();
  /** By message id. */
  readonly #waiting = new ChurnMap<string, Confirmation>();
  /** By message id, oldest first. */
  readonly #remembered = new ChurnMap<string, Confirmation>();
  /** The latest message on each thread. */
  readonly #byThread = new ChurnMap<string, Confirmation>();

  constructor(options: ConfirmationsOptions) {
    this.#options = options;
  }

  /**
   * Waits for receipts of all recipients. The promise rejects with the first failure.
   *
   * @throws TypeError if a call waits for receipts of this message, or none can be verified; ReceiptError `too_many_receipts`
   */
  wait(message: Message, { until, timeoutMs, signal, onReceipt }: ConfirmationWait): Promise<readonly Receipt[]> {
    if (this.#options.verifier(message.from ?? "") === undefined)
      throw new TypeError("This client can't verify receipts: use the Client of layr8, or override receiptVerifier()");
    const { id } = message;
    if (this.#waiting.has(id)) throw new TypeError(`A send waits for the receipts of message ${id} already`);
    const confirmation = this.#confirmationOf(message);
    const { sent } = confirmation;
    if (this.#waiting.size >= MAX_WAITING)
      throw new ReceiptError("too_many_receipts", `${MAX_WAITING} calls wait for receipts`, knownOf(sent, until));
    this.#remembered.delete(id);
    this.#waiting.set(id, confirmation);
    this.#byThread.set(sent.thread, confirmation);
    confirmation.onReceipt = onReceipt;
    return new Promise((resolve, reject) => {
      const timer = timeoutMs >= MAX_TIMER_MS ? undefined : setTimeout(() => this.#timeOut(confirmation, until, timeoutMs), timeoutMs);
      const unlisten = signal && this.#aborts.add(signal, () => this.fail(id, signal.reason));
      confirmation.waiter = {
        until,
        settle: (outcome) => {
          confirmation.waiter = undefined;
          confirmation.start();
          clearTimeout(timer);
          clearTimeout(confirmation.reported);
          unlisten?.();
          this.#remember(confirmation);
          if ("receipts" in outcome) resolve(outcome.receipts);
          else reject(outcome.error);
        },
      };
    });
  }

  /** A message is being sent. @param plaintext what the transport writes as JSON */
  sentAs(id: string, plaintext: JsonObject, onPlaintext: ConfirmationWait["onPlaintext"]): void {
    let text: string;
    try {
      text = JSON.stringify(plaintext);
    } catch {
      // The transport can't write it either, and says so.
      return;
    }
    const confirmation = this.#find(id);
    if (confirmation !== undefined) {
      const { sent, hashing } = confirmation;
      confirmation.hashing = Promise.all([hashing, digestOf(text).then((digest) => sent.sentAs(digest))]);
      confirmation.start();
    }
    this.#notify(onPlaintext, text);
  }

  /** The node has accepted a message. Its receipts may have come after an earlier try. */
  accepted(id: string): void {
    const confirmation = this.#waiting.get(id);
    if (confirmation !== undefined) this.#settleIfDone(confirmation);
  }

  /** Ends the call that waits for the receipts of a message, if there is one. */
  fail(id: string, error: unknown): void {
    this.#waiting.get(id)?.waiter?.settle({ error });
  }

  /** Ends every call. */
  failAll(error: unknown): void {
    for (const { waiter } of this.#waiting.values()) waiter?.settle({ error });
  }

  /** Takes a message of the receipt protocol. Never rejects. */
  async take(message: Message): Promise<ReceiptOutcome> {
    try {
      const claim = readClaim(message);
      const confirmation = this.#find(claim.messageId);
      if (confirmation === undefined) {
        throw new ReceiptRejectedError("receipt_unknown_message", "No message of this client asks for this receipt");
      }
      confirmation.sent.check(claim.from, claim.state);
      // One after the other, so that receipts count in the order in which they came.
      const taking = confirmation.verifying.then(() => this.#accept(confirmation, claim));
      confirmation.verifying = taking.catch(() => undefined);
      await taking;
      return "accepted";
    } catch (error) {
      const rejected = error instanceof ReceiptRejectedError ? error : new ReceiptRejectedError("receipt_malformed", String(error), error);
      this.#options.onRejected(rejected, message);
      return OUTCOMES[rejected.code] ?? "rejected";
    }
  }

  /**
   * Reads the `ack` header of any message. Such an acknowledgement is not signed, and is not a confirmation that the message was handled, so it counts as `delivered`.
   *
   * @returns whether the message is nothing else than an acknowledgement.
   */
  takeAck({ from, type, headers, createdTime }: Message): boolean {
    const acks = headers?.[ACK];
    if (from === undefined || !isJsonArray(acks)) return false;
    let isKnown = false;
    for (const id of acks.slice(0, MAX_ACKS)) {
      const confirmation = typeof id === "string" ? this.#find(id) : undefined;
      if (confirmation === undefined || !confirmation.sent.isRecipient(from)) continue;
      isKnown = true;
      if (!confirmation.sent.pending("delivered").includes(from)) continue;
      this.#add(confirmation, {
        state: "delivered",
        messageId: confirmation.sent.id,
        from,
        ...(createdTime !== undefined && { time: createdTime }),
      });
    }
    return isKnown && type === EMPTY;
  }

  /**
   * A problem report came on the thread of a message. The call fails with it, unless a signed receipt says more: that of an agent's failure may follow the
   * agent's own report.
   *
   * @returns whether the report is about a message that asks for receipts.
   */
  problemReported(problem: ProblemReportError, { from, threadId, parentThreadId }: Message): boolean {
    const confirmation = this.#byThread.get(threadId ?? "") ?? this.#byThread.get(parentThreadId ?? "");
    if (confirmation === undefined) return false;
    const { sent, waiter } = confirmation;
    if (from !== undefined && from !== sent.sender && !sent.isRecipient(from)) return false;
    if (waiter === undefined) return true;
    const fail = (): void => {
      if (confirmation.waiter !== waiter) return;
      const text = `The message failed: ${problem.message}`;
      const known = knownOf(sent, waiter.until);
      waiter.settle({ error: new ReceiptError("receipt_failed", text, known, { problemCode: problem.code, cause: problem }) });
    };
    clearTimeout(confirmation.reported);
    confirmation.reported = setTimeout(() => void confirmation.verifying.then(fail), REPORT_GRACE_MS);
    return true;
  }

  async #accept(confirmation: Confirmation, claim: ClaimedReceipt): Promise<void> {
    const { sent } = confirmation;
    const verify = this.#options.verifier(sent.sender);
    if (verify === undefined) throw new ReceiptRejectedError("receipt_unverified", "This client can't verify receipts");
    // Another one may have been accepted while it waited.
    sent.check(claim.from, claim.state);
    const receipt = await verifyClaim(claim, sent.sender, verify);
    if (receipt.digest !== undefined) await confirmation.started.then(() => confirmation.hashing);
    if (!sent.hasText(receipt)) throw this.#mismatch(confirmation, receipt);
    this.#add(confirmation, receipt);
  }

  /** The recipient's word is that it has something else: the call fails at once, as no other receipt can say more. */
  #mismatch({ sent, waiter }: Confirmation, receipt: Receipt): ReceiptRejectedError {
    const cause = new ReceiptRejectedError("receipt_mismatch", `${receipt.from} has received other content under the id of the message`);
    if (waiter !== undefined) {
      const known = knownOf(sent, waiter.until);
      const receipts = [...known.receipts, receipt];
      waiter.settle({ error: new ReceiptError("receipt_mismatch", cause.message, { ...known, receipts }, { cause }) });
    }
    return cause;
  }

  #add(confirmation: Confirmation, receipt: Receipt): void {
    confirmation.sent.add(receipt);
    this.#notify(confirmation.onReceipt, receipt);
    this.#settleIfDone(confirmation);
  }

  #notify<T>(listener: ((about: T) => unknown) | undefined, about: T): void {
    try {
      const result = listener?.(about);
      if (result instanceof Promise) result.catch(this.#options.onListenerFailure);
    } catch (error) {
      this.#options.onListenerFailure(error);
    }
  }

  #settleIfDone({ sent, waiter }: Confirmation): void {
    if (waiter === undefined) return;
    const { failure } = sent;
    if (failure !== undefined) {
      const { from, code = "e.p" } = failure;
      const text = `${from} will not handle the message: ${code}`;
      const error = new ReceiptError("receipt_failed", text, knownOf(sent, waiter.until), { problemCode: code });
      return waiter.settle({ error });
    }
    if (sent.pending(waiter.until).length === 0) waiter.settle({ receipts: sent.receipts });
  }

  #timeOut({ sent, waiter }: Confirmation, until: ReceiptState, timeoutMs: number): void {
    const known = knownOf(sent, until);
    const text = `No receipt "${until}" from ${known.pending.slice(0, 3).join(", ")} within ${timeoutMs} ms; the message may still be handled`;
    waiter?.settle({ error: new ReceiptError("receipt_timeout", text, known) });
  }

  #find(id: string): Confirmation | undefined {
    return this.#waiting.get(id) ?? this.#remembered.get(id);
  }

  /** A new one, or that of an earlier try. */
  #confirmationOf(message: Message): Confirmation {
    const known = this.#remembered.get(message.id);
    if (known !== undefined && known.sent.isFor(message)) return known;
    let start = (): void => undefined;
    const started = new Promise<void>((resolve) => (start = resolve));
    const sent = new SentMessage(message);
    const done = Promise.resolve();
    return { sent, started, start, hashing: done, waiter: undefined, onReceipt: undefined, verifying: done, reported: undefined };
  }

  #remember(confirmation: Confirmation): void {
    const { id } = confirmation.sent;
    this.#waiting.delete(id);
    this.#remembered.set(id, confirmation);
    if (this.#remembered.size <= MAX_REMEMBERED) return;
    for (const [oldest, { sent }] of this.#remembered) {
      this.#remembered.delete(oldest);
      if (this.#byThread.get(sent.thread)?.sent === sent) this.#byThread.delete(sent.thread);
      return;
    }
  }
}

const OUTCOMES: Readonly<Partial<Record<ReceiptRejectionCode, ReceiptOutcome>>> = {
  receipt_unknown_message: "unknown",
  receipt_unverified: "later",
};

function knownOf(sent: SentMessage, until: ReceiptState): ConstructorParameters<typeof ReceiptError>[2] {
  return { messageId: sent.id, receipts: sent.receipts, pending: sent.pending(until) };
}
