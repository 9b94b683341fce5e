import type { Message, MessageContext } from "@parley/core";
import { TransientMap } from "@parley/core/internal";

import { AbortGroup } from "./abort-group.ts";
import { RequestTimeoutError } from "./errors.ts";
import { createReceived, type ReceivedMessage } from "./inbound-message.ts";
import { isProblemReport, readReport } from "./problem-report.ts";

/** A request that waits for its response. */
interface Waiter {
  readonly request: Message;
  readonly recipients: readonly string[];
  settle(outcome: { readonly response: ReceivedMessage } | { readonly error: unknown }): void;
}

/** Requests that ended without a response and are remembered, so that a late one is known. */
const MAX_ENDED = 1024;

/** How long a request waits. */
export interface WaitOptions {
  /** `Infinity` waits without limit. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Requests that wait for a response, by thread. */
export class Threads {
  readonly #waiting = new TransientMap<string, Waiter>();
  readonly #aborts = new AbortGroup();
  /** Whom requests went to that ended without a response, by thread, oldest first. */
  readonly #ended = new TransientMap<string, readonly string[]>();

  /** Waits for the response to a request. The promise ends by a response, a report, `fail`, the timeout or the signal. */
  wait(threadId: string, request: Message, { timeoutMs, signal }: WaitOptions): Promise<ReceivedMessage> {
    if (this.#waiting.has(threadId)) throw new TypeError(`A request waits on thread ${threadId} already`);
    return new Promise((resolve, reject) => {
      const timer =
        timeoutMs === Number.POSITIVE_INFINITY
          ? undefined
          : setTimeout(() => this.fail(threadId, new RequestTimeoutError(threadId, timeoutMs)), timeoutMs);
      const unlisten = signal && this.#aborts.add(signal, () => this.fail(threadId, signal.reason));
      this.#waiting.set(threadId, {
        request,
        recipients: request.to.map(didOf),
        settle: (outcome) => {
          this.#waiting.delete(threadId);
          clearTimeout(timer);
          unlisten?.();
          if ("response" in outcome) return resolve(outcome.response);
          this.#remember(threadId, request.to.map(didOf));
          reject(outcome.error);
        },
      });
    });
  }

  /**
   * Gives a message to the request that waits for it, by `thid` and then by `pthid`; says whether there was one.
   *
   * A response counts only from a DID that the request was sent to; an anonymous one never does. A problem report counts from anyone,
   * since the node on the way may be its author: it can end a request, but never forge an answer.
   */
  take(message: Message, context: MessageContext | undefined): boolean {
    const { threadId, parentThreadId } = message;
    if (this.#waiting.size === 0) return false;
    const waiter = this.#match(threadId, message) ?? (parentThreadId === threadId ? undefined : this.#match(parentThreadId, message));
    if (waiter === undefined) return false;
    waiter.settle(isProblemReport(message) ? { error: readReport(message) } : { response: createReceived(message, context, message.body) });
    return true;
  }

  /** Whether a message is the response to a request that had ended before it came, for example because its time was over. */
  isLate({ threadId, from }: Message): boolean {
    const recipients = threadId === undefined ? undefined : this.#ended.get(threadId);
    return from !== undefined && recipients?.includes(didOf(from)) === true;
  }

  /** Ends the request on a thread, if one still waits there. */
  fail(threadId: string, error: unknown): void {
    this.#waiting.get(threadId)?.settle({ error });
  }

  /** Ends every request. */
  failAll(error: unknown): void {
    for (const waiter of this.#waiting.values()) waiter.settle({ error });
  }

  #remember(threadId: string, recipients: readonly string[]): void {
    this.#ended.delete(threadId);
    this.#ended.set(threadId, recipients);
    if (this.#ended.size <= MAX_ENDED) return;
    for (const [oldest] of this.#ended) {
      this.#ended.delete(oldest);
      return;
    }
  }

  #match(threadId: string | undefined, message: Message): Waiter | undefined {
    const waiter = threadId === undefined ? undefined : this.#waiting.get(threadId);
    if (waiter === undefined) return undefined;
    if (isProblemReport(message)) return waiter;
    const { request, recipients } = waiter;
    if (message.from === undefined || !recipients.includes(didOf(message.from))) return undefined;
    // An agent that asks itself gets its own request first.
    return message.id === request.id && message.from === request.from ? undefined : waiter;
  }
}

/** The DID of a DID URL. */
function didOf(url: string): string {
  const end = url.search(/[/?#]/);
  return end === -1 ? url : url.slice(0, end);
}
