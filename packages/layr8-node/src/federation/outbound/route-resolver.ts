import { ParleyError } from "@parley/core";
import type { DidDocument, DidResolver } from "@parley/did";
import type { Endpoints } from "./endpoints.ts";
import type { HostLease } from "./circuit-breaker.ts";
import { HostLimiter } from "./host-limiter.ts";
import type { HeadState } from "./pair-queue.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import { AGAIN, recordFailure, type AttemptResult, undeliverable } from "./attempt-result.ts";
import { hostOf } from "./quota.ts";
import { findRoute, type Route } from "./route.ts";
import { Semaphore } from "./semaphore.ts";
import { systemCodeOf } from "./system-code.ts";
import { UndeliverableError } from "./undeliverable-error.ts";

/** DIDs resolved at the same time, of one host and of all hosts. */
const MAX_PER_HOST = 8;
const MAX_RESOLUTIONS = 128;

/** Options of {@link RouteResolver}. */
export interface RouteResolverOptions {
  readonly resolver: DidResolver;
  readonly endpoints: Endpoints;
  readonly limits: OutboundLimits;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
  /** Cancels all resolutions. */
  readonly signal: AbortSignal;
}

/** Resolves the routes to recipients. Limits requests to hosts whose documents could not be resolved. */
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

  /** Number of messages that wait for hosts whose circuit breaker is open. */
  get blocked(): number {
    return this.#hosts.blocked;
  }

  /** Whether any host's circuit breaker is open. */
  get anyOpen(): boolean {
    return this.#hosts.anyOpen;
  }

  /** The host of a DID was seen alive. */
  hint(did: string): void {
    this.#hosts.hint(hostOf(did));
  }

  /** Resolves the route of a message; otherwise returns the result of the attempt. */
  async resolve(attempt: HeadState): Promise<Route | AttemptResult> {
    const { recipient, sender } = attempt.entry;
    const lease = await this.#hosts.acquire(hostOf(recipient), attempt.failures > 0);
    if (lease === undefined) return AGAIN;
    const { refusal } = attempt;
    try {
      const route = await this.#find(recipient, sender, maxAgeOf(attempt, this.#options.limits));
      lease.succeeded();
      attempt.unresolved = false;
      // The document is unchanged: the rejection is final.
      if (refusal !== undefined && refusal.document === JSON.stringify(route.document)) return { kind: "dead", cause: refusal.cause };
      return route;
    } catch (error) {
      return this.#failed(attempt, lease, error);
    }
  }

  /** Resolves a route again. Returns the old one if that fails, because the message has waited long enough. */
  async refresh(route: Route, { entry: { sender } }: HeadState): Promise<Route> {
    return this.#find(route.document.id, sender, Infinity).catch(() => route);
  }

  /** Called by the queue's sweep timer, every second. */
  sweep(): void {
    this.#hosts.sweep();
  }

  /** Cancels waiting attempts. */
  close(): void {
    this.#hosts.close();
  }

  #find(recipient: string, sender: string, maxAgeMs: number): Promise<Route> {
    const { resolver, endpoints, signal } = this.#options;
    return findRoute(recipient, { sender, resolver, endpoints, signal, maxAgeMs, known: this.#known });
  }

  #failed(attempt: HeadState, lease: HostLease, error: unknown): AttemptResult {
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
    return recordFailure(attempt, limits, { reason: reasonOf(error), breakerDelays });
  }
}

function reasonOf(error: unknown): string {
  const code = systemCodeOf(error);
  return `${ParleyError.from(error).message}${code === undefined ? "" : ` (${code})`}`;
}

/**
 * Maximum age of a cached document, or of a cached failure. The resolver caches failures too. The circuit breakers limit requests to hosts,
 * so an attempt that holds a lease may send a request to the host. Timers may fire slightly early, so the limits are halved.
 */
function maxAgeOf({ lookedAgain, unresolved }: HeadState, { secondLookMs, retryMs }: OutboundLimits): number {
  if (lookedAgain) return secondLookMs / 2;
  return unresolved ? retryMs / 2 : Infinity;
}
