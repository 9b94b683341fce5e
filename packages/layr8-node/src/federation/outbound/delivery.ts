import { setMaxListeners } from "node:events";
import { ParleyError } from "@parley/core";
import type { DidResolver } from "@parley/did";
import { StorageError } from "@parley/storage";
import { type Clock, systemClock } from "../../clock.ts";
import { readAnswer, type Answer } from "./answer.ts";
import { Endpoints } from "./endpoints.ts";
import { seal } from "./envelope.ts";
import type { Permit } from "./gate.ts";
import { Gates } from "./gates.ts";
import type { Lane, Trial } from "./lane.ts";
import { Locator } from "./locator.ts";
import type { DeadCause, OutboundMessage, OutboundOptions } from "./outbound.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import { AGAIN, expired, later, type Outcome, refused, undeliverable } from "./outcome.ts";
import { Poster } from "./poster.ts";
import { ownTarget, type Route } from "./route.ts";
import { Slots } from "./slots.ts";
import { systemCodeOf } from "./system-code.ts";
import { UndeliverableError } from "./undeliverable-error.ts";

const DAMAGED: DeadCause = { code: "damaged", comment: "The message was damaged on the disk of its sender's node" };
/** A route that waited longer than this at a gate is looked up once more, in milliseconds. */
const STALE_MS = 30_000;

/** Carries messages to other nodes, one attempt at a time: where to, past whose gates, in which envelope, and what the answer means. */
export class Delivery {
  readonly #options: OutboundOptions;
  readonly #limits: OutboundLimits;
  readonly #clock: Pick<Clock, "expiry" | "monotonic">;
  readonly #poster: Poster;
  readonly #endpoints: Endpoints;
  readonly #locator: Locator;
  /** By the origin of the recipients' endpoints. */
  readonly #nodes: Gates;
  readonly #closing = new AbortController();

  constructor(options: OutboundOptions, limits: OutboundLimits) {
    const { network, resolver, clock = systemClock() } = options;
    const now = (): number => clock.monotonic();
    const { signal } = this.#closing;
    // Each DID that is being resolved listens.
    setMaxListeners(0, signal);
    this.#options = options;
    this.#limits = limits;
    this.#clock = clock;
    this.#poster = new Poster({ allow: network.allow, limits, now });
    this.#endpoints = new Endpoints(network);
    this.#locator = new Locator({ resolver, endpoints: this.#endpoints, limits, now, signal });
    const { retryMs, maxRetryMs, maxConnectionsPerNode, maxConnections } = limits;
    this.#nodes = new Gates({ retryMs, maxRetryMs, now, maxActive: maxConnectionsPerNode, slots: new Slots(maxConnections) });
  }

  /** Lanes that wait for hosts that failed. */
  get blocked(): number {
    return this.#locator.blocked + this.#nodes.blocked;
  }

  /** Tries to deliver the first message of a lane. Waits for its turns as long as it takes. Never rejects. */
  async attempt(lane: Lane, trial: Trial): Promise<Outcome> {
    try {
      const route = await this.#locator.locate(trial);
      return "kind" in route ? route : await this.#enter(lane, trial, route);
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#options.events.onFailure(error);
      return later(trial, this.#limits, { reason: "Something failed in this node" });
    }
  }

  /** See {@link Outbound.hint}. */
  async hint(did: string, resolver: DidResolver): Promise<void> {
    if (this.#locator.anyClosed) this.#locator.hint(did);
    if (!this.#nodes.anyClosed) return;
    const document = await resolver.resolve(did, { signal: this.#closing.signal });
    const target = ownTarget(document, this.#endpoints);
    if (target !== undefined) this.#nodes.hint(target.url.origin);
  }

  /** Called now and then. */
  sweep(): void {
    this.#locator.sweep();
    this.#nodes.sweep();
    this.#poster.sweep();
  }

  /** Sends those who wait away, and stops resolving and encrypting. What has been posted goes on. */
  stop(): void {
    this.#closing.abort(new Error("The node is stopping"));
    this.#locator.end();
    this.#nodes.end();
  }

  /** Aborts what is under way. */
  close(): Promise<void> {
    this.stop();
    return this.#poster.close();
  }

  async #enter(lane: Lane, trial: Trial, found: Route): Promise<Outcome> {
    const since = this.#clock.monotonic();
    const { origin } = found.target.url;
    const permit = await this.#nodes.enter(origin, trial.failures > 0);
    if (permit === undefined) return AGAIN;
    try {
      if (!lane.isFirst(trial)) return AGAIN;
      lane.posting = trial.entry;
      const route = this.#clock.monotonic() - since > STALE_MS ? await this.#locator.refresh(found) : found;
      return route.target.url.origin === origin ? await this.#send(trial, permit, route) : AGAIN;
    } finally {
      lane.posting = undefined;
      permit.release();
    }
  }

  async #send(trial: Trial, permit: Permit, route: Route): Promise<Outcome> {
    const { store, crypto } = this.#options;
    let message: OutboundMessage;
    let envelope: string;
    try {
      message = store.read(trial.entry);
      envelope = await seal(message, route.mediators, crypto, this.#closing.signal);
    } catch (error) {
      if (this.#closing.signal.aborted) return AGAIN;
      if (error instanceof UndeliverableError) return undeliverable(trial, error);
      if (error instanceof StorageError && error.code === "record_damaged") return { kind: "dead", cause: DAMAGED };
      return later(trial, this.#limits, { reason: ParleyError.from(error).message });
    }
    if (trial.entry.expiresAt <= this.#clock.expiry()) return { kind: "dead", cause: expired(trial) };
    let answer: Answer;
    try {
      answer = readAnswer(await this.#poster.post(route.target, envelope), this.#clock.expiry());
    } catch (error) {
      if (error instanceof UndeliverableError) return undeliverable(trial, error);
      return later(trial, this.#limits, { reason: `The other node can't be reached: ${nameOf(error)}`, atGate: permit.failed("silent") });
    }
    if (answer.kind === "later") {
      const retryAfterMs = Math.min(answer.retryAfterMs, this.#limits.maxRetryAfterMs);
      const failure = answer.silent ? "silent" : "answered";
      return later(trial, this.#limits, { reason: answer.reason, retryAfterMs, atGate: permit.failed(failure, retryAfterMs) });
    }
    permit.ok();
    return answer.kind === "taken" ? { kind: "delivered", message } : refused(trial, route.document, answer);
  }
}

/** A failure by its system code where it has one: messages of sockets hold addresses. */
function nameOf(error: unknown): string {
  return systemCodeOf(error) ?? (error instanceof Error ? error.message : "unknown");
}
