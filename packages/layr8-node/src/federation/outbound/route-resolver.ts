import { ParleyError } from "@parley/core";
import type { DidDocument, DidResolver } from "@parley/did";
import type { Endpoints } from "./endpoints.ts";
import type { Lease } from "./circuit-breaker.ts";
import { HostLimiter } from "./host-limiter.ts";
import type { DeliveryAttempt } from "./pair-queue.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import { AGAIN, later, type AttemptResult, undeliverable } from "./attempt-result.ts";
import { hostOf } from "./quota.ts";
import { findRoute, type Route } from "./route.ts";
import { Semaphore } from "./semaphore.ts";
import { systemCodeOf } from "./system-code.ts";
import { UndeliverableError } from "./undeliverable-error.ts";

/** DIDs of one host, and of all hosts, that are resolved at the same time. */
const MAX_PER_HOST = 8;
const MAX_RESOLUTIONS = 128;

/** What a routeResolver is made with. */
export interface RouteResolverOptions {
  readonly resolver: DidResolver;
  readonly endpoints: Endpoints;
  readonly limits: OutboundLimits;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

/** Finds where recipients are, and does not ask again and again a host that has no documents just now. */
export class RouteResolver {
  readonly #options: RouteResolverOptions;
  readonly #hosts: HostLimiter;
  readonly #known = new WeakMap<DidDocument, Route>();

  constructor(options: RouteResolverOptions) {
    const { now, limits } = options;
    const { retryMs, maxRetryMs } = limits;
    this.#options = options;
    this.#hosts = new HostLimiter({ retryMs, maxRetryMs, now, maxActive: MAX_PER_HOST, semaphore: new Semaphore(MAX_RESOLUTIONS) });
  }

  /** Messages that wait for hosts that failed. */
  get blocked(): number {
    return this.#hosts.blocked;
  }

  /** Whether any host is left alone because it failed. */
  get anyOpen(): boolean {
    return this.#hosts.anyOpen;
  }

  /** The host of a DID was heard of. */
  hint(did: string): void {
    this.#hosts.hint(hostOf(did));
  }

  /** Finds the route of a message, or why there is none. */
  async resolve(attempt: DeliveryAttempt): Promise<Route | AttemptResult> {
    const { recipient } = attempt.entry;
    const lease = await this.#hosts.acquire(hostOf(recipient), attempt.failures > 0);
    if (lease === undefined) return AGAIN;
    const { refusal } = attempt;
    try {
      const route = await this.#find(recipient, maxAgeOf(attempt, this.#options.limits));
      lease.succeeded();
      attempt.unresolved = false;
      // The same document again: the refusal was meant.
      if (refusal !== undefined && refusal.document === JSON.stringify(route.document)) return { kind: "dead", cause: refusal.cause };
      return route;
    } catch (error) {
      return this.#failed(attempt, lease, error);
    }
  }

  /** Where a recipient is by now. What can't be learnt at once is no reason to wait any longer. */
  async refresh(route: Route): Promise<Route> {
    return this.#find(route.document.id, Infinity).catch(() => route);
  }

  /** Called now and then. */
  sweep(): void {
    this.#hosts.sweep();
  }

  /** Sends those who wait away. */
  close(): void {
    this.#hosts.close();
  }

  #find(recipient: string, maxAgeMs: number): Promise<Route> {
    const { resolver, endpoints, signal } = this.#options;
    return findRoute(recipient, { resolver, endpoints, signal, maxAgeMs, known: this.#known });
  }

  #failed(attempt: DeliveryAttempt, lease: Lease, error: unknown): AttemptResult {
    const { limits, signal } = this.#options;
    if (signal.aborted) {
      lease.release();
      return AGAIN;
    }
    attempt.unresolved = true;
    const final = error instanceof UndeliverableError ? error : undefined;
    if (final !== undefined) lease.succeeded();
    const breakerDelays = final === undefined && lease.failed("silent");
    if (attempt.refusal !== undefined) return { kind: "dead", cause: attempt.refusal.cause };
    if (final !== undefined) return undeliverable(attempt, final, limits.secondLookMs);
    return later(attempt, limits, { reason: reasonOf(error), breakerDelays });
  }
}

function reasonOf(error: unknown): string {
  const code = systemCodeOf(error);
  return `${ParleyError.from(error).message}${code === undefined ? "" : ` (${code})`}`;
}

/**
 * How old a document may be, or the memory that there was none. The resolver remembers failures, too; the gates see to it that hosts are
 * not asked too often, so that the one who is let through may really ask. Timers may be a little early, hence the halves.
 */
function maxAgeOf({ lookedAgain, unresolved }: DeliveryAttempt, { secondLookMs, retryMs }: OutboundLimits): number {
  if (lookedAgain) return secondLookMs / 2;
  return unresolved ? retryMs / 2 : Infinity;
}
