import { setMaxListeners } from "node:events";
import { ParleyError } from "@parley/core";
import { TimeSlice } from "@parley/core/internal";
import type { DidResolver } from "@parley/did";
import { isRecordDamaged } from "@parley/storage";
import { type Clock, systemClock } from "../../clock.ts";
import { readResponse, type RemoteResponse } from "./remote-response.ts";
import { Endpoints } from "./endpoints.ts";
import { seal } from "./envelope.ts";
import type { HostLease } from "./circuit-breaker.ts";
import { HostLimiter } from "./host-limiter.ts";
import type { PairQueue, HeadState } from "./pair-queue.ts";
import { RouteResolver } from "./route-resolver.ts";
import type { DeliveryFailure, DescribedHost, OutboundOptions } from "./outbound.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import { AGAIN, expired, recordFailure, type AttemptResult, type Posted, refused, undeliverable } from "./attempt-result.ts";
import { MAX_BATCH_BYTES, sizeInBatch } from "../envelope-batch.ts";
import type { StoredEntry } from "./outbound-store.ts";
import { HttpSender } from "./http-sender.ts";
import { ownTarget, type Route } from "./route.ts";
import { Semaphore } from "./semaphore.ts";
import { networkReason } from "./system-code.ts";
import { UndeliverableError } from "./undeliverable-error.ts";

const DAMAGED: DeliveryFailure = { code: "damaged", comment: "The message was damaged on the disk of its sender's node" };
/** An encrypted message. */
interface Sealed extends Posted {
  readonly envelope: string;
}

/** What a response means for spans. */
const ERRORS: Readonly<Record<RemoteResponse["kind"], string | undefined>> = {
  taken: undefined,
  partly_taken: "partly_taken",
  later: "later",
  refused: "refused",
};

/** A route that waited longer than this for a lease is resolved again, in milliseconds. */
const STALE_MS = 30_000;

/**
 * Performs delivery attempts to other nodes: resolves the route, acquires a lease on the host, encrypts, posts, and interprets the
 * response.
 */
export class RemoteSender {
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

  /** The most recently contacted hosts. */
  hosts(): readonly DescribedHost[] {
    return this.#nodes.describe();
  }

  /** Attempts to deliver the first message of a queue, and with it those behind it if the remote node accepts batches. Waits as long as the circuit breakers require. Never rejects. */
  async attempt(pair: PairQueue, attempt: HeadState): Promise<AttemptResult> {
    try {
      const route = await this.#routeResolver.resolve(attempt);
      return "kind" in route ? route : await this.#acquireAndSend(pair, attempt, route);
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#options.events.onFailure(error);
      return recordFailure(attempt, this.#limits, { reason: "Something failed in this node" });
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

  async #acquireAndSend(pair: PairQueue, attempt: HeadState, found: Route): Promise<AttemptResult> {
    const since = this.#clock.monotonic();
    const { origin } = found.target.url;
    const lease = await this.#nodes.acquire(origin, attempt.failures > 0);
    if (lease === undefined) return AGAIN;
    try {
      if (!pair.isFirst(attempt)) return AGAIN;
      pair.posting = [attempt.entry];
      const route = this.#clock.monotonic() - since > STALE_MS ? await this.#routeResolver.refresh(found, attempt) : found;
      if (route.target.url.origin !== origin) return AGAIN;
      if (this.#mayBatch(attempt, route)) pair.posting = pair.firstEntries();
      return await this.#send(pair, attempt, lease, route);
    } finally {
      pair.posting = [];
      lease.release();
    }
  }

  /** A message that failed is posted alone, so that the response is about it. */
  #mayBatch({ failures, lookedAgain }: HeadState, { target }: Route): boolean {
    return failures === 0 && !lookedAgain && this.#httpSender.takesBatches(target);
  }

  /** Posts as many of the messages in `pair.posting` as fit into one request. */
  async #send(pair: PairQueue, attempt: HeadState, lease: HostLease, route: Route): Promise<AttemptResult> {
    let sealed: readonly Sealed[];
    try {
      sealed = await this.#seal(pair.posting, route);
    } catch (error) {
      if (this.#closing.signal.aborted) return AGAIN;
      if (error instanceof UndeliverableError) return undeliverable(attempt, error);
      if (isRecordDamaged(error)) return { kind: "dead", cause: DAMAGED };
      return recordFailure(attempt, this.#limits, { reason: ParleyError.from(error).message });
    }
    if (attempt.entry.expiresAt <= this.#clock.expiry()) return { kind: "dead", cause: expired(attempt) };
    let answer: RemoteResponse | undefined;
    let head: string | undefined;
    const postedAt = performance.now();
    try {
      const response = await this.#httpSender.post(
        route.target,
        sealed.map(({ envelope }) => envelope),
        await this.#headFor(attempt, route),
      );
      head = response.head;
      answer = readResponse(response, this.#clock.expiry(), sealed.length);
    } catch (error) {
      if (error instanceof UndeliverableError) return undeliverable(attempt, error);
      return recordFailure(attempt, this.#limits, {
        reason: `The other node can't be reached: ${networkReason(error)}`,
        breakerDelays: lease.failed("silent"),
      });
    } finally {
      pair.posted(answer?.kind === "taken");
      this.#options.events.onPosted?.({
        messages: sealed.map(({ message }) => message),
        host: route.target.url.host,
        attempt: attempt.failures + 1,
        ms: performance.now() - postedAt,
        error: answer === undefined ? "unreachable" : ERRORS[answer.kind],
      });
    }
    if (answer.kind === "later") {
      const retryAfterMs = Math.min(answer.retryAfterMs, this.#limits.maxRetryAfterMs);
      const failure = answer.silent ? "silent" : "answered";
      return recordFailure(attempt, this.#limits, {
        reason: answer.reason,
        retryAfterMs,
        breakerDelays: lease.failed(failure, retryAfterMs),
      });
    }
    lease.succeeded();
    const isMediated = route.mediators.length > 0;
    if (answer.kind === "taken") return { kind: "delivered", delivered: sealed, isMediated, head };
    if (answer.kind === "partly_taken") return { kind: "delivered", delivered: sealed.slice(0, answer.count), isMediated };
    if (sealed.length === 1) return refused(attempt, route.document, answer);
    // The batch may have been rejected as such: the next request has the first message alone.
    return AGAIN;
  }

  /** The head of the sender's audit chain. Mediators do not get it. */
  async #headFor({ entry }: HeadState, { mediators }: Route): Promise<string | undefined> {
    return mediators.length === 0 ? this.#options.headOf?.(entry.sender) : undefined;
  }

  /**
   * Encrypts messages until one can't be sent or the batch is full.
   *
   * @throws if the first one can't be encrypted; see {@link seal}. StorageError if it can't be read.
   */
  async #seal(entries: readonly StoredEntry[], { mediators }: Route): Promise<readonly Sealed[]> {
    const { store, crypto } = this.#options;
    const slice = new TimeSlice();
    const sealed: Sealed[] = [];
    let bytes = 0;
    for (const entry of entries) {
      if (sealed.length > 0 && entry.expiresAt <= this.#clock.expiry()) break;
      try {
        const message = store.read(entry);
        // oxlint-disable-next-line no-await-in-loop
        const envelope = await seal(message, mediators, crypto, this.#closing.signal);
        bytes += sizeInBatch(envelope);
        if (sealed.length > 0 && bytes > MAX_BATCH_BYTES) break;
        sealed.push({ entry, message, envelope });
      } catch (error) {
        if (sealed.length === 0 || this.#closing.signal.aborted) throw error;
        break;
      }
      if (bytes >= MAX_BATCH_BYTES || sealed.length === entries.length) break;
      // oxlint-disable-next-line no-await-in-loop
      if (slice.isOver) await slice.next();
    }
    return sealed;
  }
}
