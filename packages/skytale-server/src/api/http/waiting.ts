import type { FastifyReply } from "fastify";
import { ApiError } from "../api-error.ts";
import type { Signals } from "../signals.ts";

/** What {@link Waiting} is made with. */
export interface WaitingOptions {
  readonly signals: Signals;
  readonly maxWaitMs: number;
  readonly maxPerAccount: number;
}

/** What a call waits for. */
export interface News<T> {
  readonly topic: string;
  readonly ask: () => Promise<T>;
  readonly isNews: (answer: T) => boolean;
}

const SECOND = 1000;
/** How soon news from another process is found, in milliseconds. */
const RECHECK_MS = 5000;

/** Calls that wait for news instead of asking again and again. */
export class Waiting {
  readonly #options: WaitingOptions;
  readonly #perAccount = new Map<string, number>();

  constructor(options: WaitingOptions) {
    this.#options = options;
  }

  /** Answers as soon as there is news, or with what there is when the time is over. @throws ApiError `rate_limited` */
  async answer<T>(reply: FastifyReply, accountId: string, waitSeconds: number, { topic, ask, isNews }: News<T>): Promise<T> {
    const waitMs = Math.min(waitSeconds * SECOND, this.#options.maxWaitMs);
    if (waitMs === 0) return ask();
    const count = this.#perAccount.get(accountId) ?? 0;
    if (count >= this.#options.maxPerAccount) throw new ApiError("rate_limited", `${count} calls of this account wait already`);
    this.#perAccount.set(accountId, count + 1);
    try {
      return await this.#options.signals.until(topic, { ask, isNews, waitMs, recheckMs: RECHECK_MS, signal: gone(reply) });
    } finally {
      const left = (this.#perAccount.get(accountId) ?? 1) - 1;
      if (left === 0) this.#perAccount.delete(accountId);
      else this.#perAccount.set(accountId, left);
    }
  }
}

/** Aborts when the client hangs up. */
function gone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => controller.abort());
  return controller.signal;
}
