import { threadOf, type Message, type MessageContext, type SendReceipt } from "@parley/core";
import { MAX_TIMER_MS, ChurnMap } from "@parley/core/eager";

import { AbortGroup } from "./abort-group.ts";
import { didOf } from "./did-syntax.ts";
import { RequestTimeoutError } from "./errors.ts";
import { isExpired } from "./expiry.ts";
import { createReceived, type ReceivedMessage } from "./inbound-message.ts";
import { EXPIRED, isProblemReport, readReport } from "./problem-report.ts";

/** A request that waits for its response. */
interface Waiter {
  readonly request: Message;
  readonly recipients: readonly string[];
  /** What the node said when it accepted the request. */
  receipt?: SendReceipt;
  settle(outcome: { readonly response: ReceivedMessage } | { readonly error: unknown }): void;
}

/** A request that ended without a response. */
interface EndedRequest {
  readonly id: string;
  readonly recipients: readonly string[];
}

/** Requests that ended without a response and are remembered, so that a late one is known. */
const MAX_ENDED = 1024;
/** Late responses that are kept; each may be as long as a frame. */
const MAX_LATE = 16;

/** How long a request waits. */
export interface WaitOptions {
  /** `MAX_TIMER_MS` waits without limit. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Requests that wait for a response, by thread. */
export class Threads {
  readonly #waiting = new ChurnMap<string, Waiter>();
  readonly #aborts = new AbortGroup();
  /** Requests that ended without a response, by thread, oldest first. */
  readonly #ended = new ChurnMap<string, EndedRequest>();
  /** Responses that came after their requests had ended, for a retry, by the request's id, oldest first. */
  readonly #late = new ChurnMap<string, ReceivedMessage>();

  readonly #now: () => number;

  /** @param now the node's time, in milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Waits for the response to a request. The promise ends by a response, a report, `fail`, the timeout or the signal. */
  wait(threadId: string, request: Message, { timeoutMs, signal }: WaitOptions): Promise<ReceivedMessage> {
    if (this.#waiting.has(threadId)) throw new TypeError(`A request waits on thread ${threadId} already`);
    return new Promise((resolve, reject) => {
      const timer = timeoutMs >= MAX_TIMER_MS ? undefined : setTimeout(() => this.#timeOut(threadId, timeoutMs), timeoutMs);
      const unlisten = signal && this.#aborts.add(signal, () => this.fail(threadId, signal.reason));
      this.#waiting.set(threadId, {
        request,
        recipients: request.to.map(didOf),
        settle: (outcome) => {
          this.#waiting.delete(threadId);
          clearTimeout(timer);
          unlisten?.();
          if ("response" in outcome) return resolve(outcome.response);
          remember(this.#ended, threadId, { id: request.id, recipients: request.to.map(didOf) }, MAX_ENDED);
          reject(outcome.error);
        },
      });
    });
  }

  /**
   * Gives a message to the request that waits for it, by `thid` and then by `pthid`; says whether there was one.
   *
   * A response counts only from a DID that the request was sent to; an anonymous one never does. A problem report counts from these DIDs as
   * well, in whose names nodes report what became of the request, and from the agent's own node, whose reports may name no sender, or the
   * agent itself. Others who know the thread can't end a request.
   */
  take(message: Message, context: MessageContext | undefined): boolean {
    const { threadId, parentThreadId } = message;
    if (this.#waiting.size === 0) return false;
    const waiter = this.#match(threadId, message) ?? (parentThreadId === threadId ? undefined : this.#match(parentThreadId, message));
    if (waiter === undefined) return false;
    if (!isProblemReport(message)) {
      waiter.settle({ response: createReceived(message, context, message.body) });
      return true;
    }
    const error = readReport(message);
    // The report is about an earlier try, which has expired; this one has not.
    const { expiresTime } = waiter.request;
    if (error.code !== EXPIRED || expiresTime === undefined || isExpired({ expiresTime }, this.#now())) waiter.settle({ error });
    return true;
  }

  /** Whether a message is the response to a request that had ended before it came, for example by its timeout. */
  isLate(message: Message): boolean {
    return this.#endedBefore(message) !== undefined;
  }

  /** Keeps a late response, for a retry of its request. */
  keepLate(message: Message, context: MessageContext | undefined): void {
    const ended = this.#endedBefore(message);
    if (ended !== undefined) remember(this.#late, ended.id, createReceived(message, context, message.body), MAX_LATE);
  }

  /** Gives the response that came after an earlier try of the same request had ended. */
  takeLate(request: Message): ReceivedMessage | undefined {
    const late = this.#late.get(request.id);
    if (late?.threadId !== threadOf(request)) return undefined;
    this.#late.delete(request.id);
    return late;
  }

  /** The node has accepted a request. */
  accepted(request: Message, receipt: SendReceipt): void {
    const waiter = this.#waiting.get(threadOf(request));
    if (waiter?.request === request) waiter.receipt = receipt;
  }

  /** Ends the request on a thread, if one still waits there. */
  fail(threadId: string, error: unknown): void {
    this.#waiting.get(threadId)?.settle({ error });
  }

  /** Ends every request. */
  failAll(error: unknown): void {
    for (const waiter of this.#waiting.values()) waiter.settle({ error });
  }

  #timeOut(threadId: string, timeoutMs: number): void {
    const waiter = this.#waiting.get(threadId);
    if (waiter === undefined) return;
    const { request, receipt } = waiter;
    const { id: messageId, to, type } = request;
    const known = { threadId, messageId, to, type, timeoutMs, accepted: receipt !== undefined, away: receipt?.away ?? [] };
    waiter.settle({ error: new RequestTimeoutError(known) });
  }

  #endedBefore({ threadId, from }: Message): EndedRequest | undefined {
    const ended = threadId === undefined ? undefined : this.#ended.get(threadId);
    return from !== undefined && ended?.recipients.includes(didOf(from)) === true ? ended : undefined;
  }

  #match(threadId: string | undefined, message: Message): Waiter | undefined {
    const waiter = threadId === undefined ? undefined : this.#waiting.get(threadId);
    if (waiter === undefined) return undefined;
    const { request, recipients } = waiter;
    // A node accepts no message without `from`, nor with another agent's DID in it.
    if (isProblemReport(message) && isOwnNode(message.from, request.from)) return waiter;
    if (message.from === undefined || !recipients.includes(didOf(message.from))) return undefined;
    // An agent that sends a request to itself receives the request before the response.
    return message.id === request.id && message.from === request.from ? undefined : waiter;
  }
}

/** Whether a report comes from the agent's own node: without `from`, or from the agent itself or the DID of its host. */
function isOwnNode(from: string | undefined, agent: string | undefined): boolean {
  return from === undefined || from === agent || from === /^did:web:[^:]+/.exec(agent ?? "")?.[0];
}

/** Adds an entry, and deletes the oldest one if there are then more than `max`. */
function remember<V>(map: ChurnMap<string, V>, key: string, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return;
  for (const [oldest] of map) {
    map.delete(oldest);
    return;
  }
}
