import { FairShare } from "@parley/core/internal";
import type { FastifyReply } from "fastify";
import { ApiError } from "../api-error.ts";
import type { Signals } from "../signals.ts";

/** Options of {@link Waiting}. */
export interface WaitingOptions {
  readonly signals: Signals;
  readonly maxWaitMs: number;
  readonly maxPerAccount: number;
  readonly maxTotal: number;
}

/** The condition that a call waits for. */
export interface News<T> {
  readonly topic: string;
  readonly ask: () => Promise<T>;
  readonly isNews: (state: T) => boolean;
  /** Creates the response from a notification; `undefined` if the notification does not concern this call. */
  readonly take?: (news: unknown) => T | undefined;
  /** Checks, before a response made from a notification, that the caller may still have it. */
  readonly confirm?: () => Promise<void>;
}

const SECOND = 1000;

/** Calls that wait for a change instead of polling (long polling). */
export class Waiting {
  readonly #options: WaitingOptions;
  readonly #share: FairShare;

  constructor(options: WaitingOptions) {
    this.#options = options;
    this.#share = new FairShare({ total: options.maxTotal, perOwner: options.maxPerAccount });
  }

  /** Responds to the first matching notification, or with the current state after the timeout. @throws ApiError `rate_limited` */
  async waitFor<T>(reply: FastifyReply, accountId: string, waitSeconds: number, news: News<T>): Promise<T> {
    const { topic, ask, isNews, take, confirm } = news;
    const waitMs = Math.min(waitSeconds * SECOND, this.#options.maxWaitMs);
    if (waitMs === 0) return ask();
    const lease = this.#share.tryAcquire(accountId);
    if (lease === undefined) {
      throw new ApiError("rate_limited", `${this.#share.heldBy(accountId)} calls of this account wait already`);
    }
    try {
      const result = await this.#options.signals.until(topic, { ask, isNews, take, waitMs, signal: gone(reply) });
      await confirm?.();
      return result;
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
