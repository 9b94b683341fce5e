import { FairShare } from "@parley/core/internal";
import type { FastifyReply } from "fastify";
import { ApiError } from "../api-error.ts";
import type { Signals } from "../signals.ts";

/** What {@link Waiting} is made with. */
export interface WaitingOptions {
  readonly signals: Signals;
  readonly maxWaitMs: number;
  readonly maxPerAccount: number;
  readonly maxTotal: number;
}

/** What a call waits for. */
export interface News<T> {
  readonly topic: string;
  readonly ask: () => Promise<T>;
  readonly isNews: (answer: T) => boolean;
  /** Makes the answer of a notification's news; `undefined` if that is no news to this call. */
  readonly take?: (news: unknown) => T | undefined;
  /** Asked before an answer made of news is given: whether the caller may still have it. */
  readonly confirm?: () => Promise<void>;
}

const SECOND = 1000;

/** Calls that wait for news instead of asking again and again. */
export class Waiting {
  readonly #options: WaitingOptions;
  readonly #share: FairShare;

  constructor(options: WaitingOptions) {
    this.#options = options;
    this.#share = new FairShare({ total: options.maxTotal, perOwner: options.maxPerAccount });
  }

  /** Answers as soon as there is news, or with what there is when the time is over. @throws ApiError `rate_limited` */
  async answer<T>(reply: FastifyReply, accountId: string, waitSeconds: number, news: News<T>): Promise<T> {
    const { topic, ask, isNews, take, confirm } = news;
    const waitMs = Math.min(waitSeconds * SECOND, this.#options.maxWaitMs);
    if (waitMs === 0) return ask();
    const lease = this.#share.tryAcquire(accountId);
    if (lease === undefined) {
      throw new ApiError("rate_limited", `${this.#share.heldBy(accountId)} calls of this account wait already`);
    }
    try {
      const answer = await this.#options.signals.until(topic, { ask, isNews, take, waitMs, signal: gone(reply) });
      await confirm?.();
      return answer;
    } finally {
      lease.release();
    }
  }
}

/** Aborts when the client hangs up. */
function gone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => controller.abort());
  return controller.signal;
}
