import { setMaxListeners } from "node:events";
import { ParleyError } from "@parley/core";
import type { DidResolver } from "@parley/did";
import { StorageError } from "@parley/storage";
import { type Clock, systemClock } from "../../clock.ts";
import { readResponse, type RemoteResponse } from "./remote-response.ts";
import { Endpoints } from "./endpoints.ts";
import { seal } from "./envelope.ts";
import type { Lease } from "./circuit-breaker.ts";
import { HostLimiter } from "./host-limiter.ts";
import type { PairQueue, DeliveryAttempt } from "./pair-queue.ts";
import { RouteResolver } from "./route-resolver.ts";
import type { DeliveryFailure, OutboundMessage, OutboundOptions } from "./outbound.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import { AGAIN, expired, later, type AttemptResult, refused, undeliverable } from "./attempt-result.ts";
import { HttpSender } from "./http-sender.ts";
import { ownTarget, type Route } from "./route.ts";
import { Semaphore } from "./semaphore.ts";
import { systemCodeOf } from "./system-code.ts";
import { UndeliverableError } from "./undeliverable-error.ts";

const DAMAGED: DeliveryFailure = { code: "damaged", comment: "The message was damaged on the disk of its sender's node" };
/** A route that waited longer than this for a lease is resolved again, in milliseconds. */
const STALE_MS = 30_000;

/**
 * Performs delivery attempts to other nodes: resolves the route, acquires a lease on the host, encrypts, posts, and interprets the
 * response.
 */
export class Delivery {
  readonly #options: OutboundOptions;
  readonly #limits: OutboundLimits;
  readonly #clock: Pick<Clock, "expiry" | "monotonic">;
  readonly #httpSender: HttpSender;
  readonly #endpoints: Endpoints;
  readonly #routeResolver: RouteResolver;
  /** By the origin of recipients' endpoints. */
  readonly #nodes: HostLimiter;
  readonly #closing = new AbortController();

  constructor(options: OutboundOptions, limits: OutboundLimits) {
    const { network, resolver, clock = systemClock() } = options;
    const now = (): number => clock.monotonic();
    const { signal } = this.#closing;
    // Each running resolution adds a listener.
    setMaxListeners(0, signal);
    this.#options = options;
    this.#limits = limits;
    this.#clock = clock;
    this.#httpSender = new HttpSender({ allow: network.allow, limits, now });
    this.#endpoints = new Endpoints(network);
    this.#routeResolver = new RouteResolver({ resolver, endpoints: this.#endpoints, limits, now, signal });
    const { retryMs, maxRetryMs, maxConnectionsPerNode, maxConnections } = limits;
    this.#nodes = new HostLimiter({ retryMs, maxRetryMs, now, maxActive: maxConnectionsPerNode, semaphore: new Semaphore(maxConnections) });
  }

  /** Number of queues that wait for hosts whose circuit breaker is open. */
  get blocked(): number {
    return this.#routeResolver.blocked + this.#nodes.blocked;
  }

  /** Attempts to deliver the first message of a queue. Waits as long as the circuit breakers require. Never rejects. */
  async attempt(pair: PairQueue, attempt: DeliveryAttempt): Promise<AttemptResult> {
    try {
      const route = await this.#routeResolver.resolve(attempt);
      return "kind" in route ? route : await this.#acquireAndSend(pair, attempt, route);
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#options.events.onFailure(error);
      return later(attempt, this.#limits, { reason: "Something failed in this node" });
    }
  }

  /** See {@link Outbound.hint}. */
  async hint(did: string, resolver: DidResolver): Promise<void> {
    if (this.#routeResolver.anyOpen) this.#routeResolver.hint(did);
    if (!this.#nodes.anyOpen) return;
    const document = await resolver.resolve(did, { signal: this.#closing.signal });
    const target = ownTarget(document, this.#endpoints);
    if (target !== undefined) this.#nodes.hint(target.url.origin);
  }

  /** Called by the queue's sweep timer, every second. */
  sweep(): void {
    this.#routeResolver.sweep();
    this.#nodes.sweep();
    this.#httpSender.sweep();
  }

  /** Cancels waiting, resolving and encrypting attempts. Posted requests continue. */
  stop(): void {
    this.#closing.abort(new Error("The node is stopping"));
    this.#routeResolver.close();
    this.#nodes.close();
  }

  /** Aborts all requests in flight. */
  close(): Promise<void> {
    this.stop();
    return this.#httpSender.close();
  }

  async #acquireAndSend(pair: PairQueue, attempt: DeliveryAttempt, found: Route): Promise<AttemptResult> {
    const since = this.#clock.monotonic();
    const { origin } = found.target.url;
    const lease = await this.#nodes.acquire(origin, attempt.failures > 0);
    if (lease === undefined) return AGAIN;
    try {
      if (!pair.isFirst(attempt)) return AGAIN;
      pair.posting = attempt.entry;
      const route = this.#clock.monotonic() - since > STALE_MS ? await this.#routeResolver.refresh(found) : found;
      return route.target.url.origin === origin ? await this.#send(attempt, lease, route) : AGAIN;
    } finally {
      pair.posting = undefined;
      lease.release();
    }
  }

  async #send(attempt: DeliveryAttempt, lease: Lease, route: Route): Promise<AttemptResult> {
    const { store, crypto } = this.#options;
    let message: OutboundMessage;
    let envelope: string;
    try {
      message = store.read(attempt.entry);
      envelope = await seal(message, route.mediators, crypto, this.#closing.signal);
    } catch (error) {
      if (this.#closing.signal.aborted) return AGAIN;
      if (error instanceof UndeliverableError) return undeliverable(attempt, error);
      if (error instanceof StorageError && error.code === "record_damaged") return { kind: "dead", cause: DAMAGED };
      return later(attempt, this.#limits, { reason: ParleyError.from(error).message });
    }
    if (attempt.entry.expiresAt <= this.#clock.expiry()) return { kind: "dead", cause: expired(attempt) };
    let answer: RemoteResponse;
    try {
      answer = readResponse(await this.#httpSender.post(route.target, envelope), this.#clock.expiry());
    } catch (error) {
      if (error instanceof UndeliverableError) return undeliverable(attempt, error);
      return later(attempt, this.#limits, {
        reason: `The other node can't be reached: ${nameOf(error)}`,
        breakerDelays: lease.failed("silent"),
      });
    }
    if (answer.kind === "later") {
      const retryAfterMs = Math.min(answer.retryAfterMs, this.#limits.maxRetryAfterMs);
      const failure = answer.silent ? "silent" : "answered";
      return later(attempt, this.#limits, { reason: answer.reason, retryAfterMs, breakerDelays: lease.failed(failure, retryAfterMs) });
    }
    lease.succeeded();
    return answer.kind === "taken" ? { kind: "delivered", message } : refused(attempt, route.document, answer);
  }
}

/** The system code of a failure if it has one, because messages of socket errors contain addresses. */
function nameOf(error: unknown): string {
  return systemCodeOf(error) ?? (error instanceof Error ? error.message : "unknown");
}
