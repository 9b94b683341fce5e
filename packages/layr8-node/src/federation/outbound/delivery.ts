import { setMaxListeners } from "node:events";
import { ParleyError } from "@parley/core";
import { backoffMs } from "@parley/core/internal";
import { readAnswer } from "./answer.ts";
import { Endpoints } from "./endpoints.ts";
import { seal } from "./envelope.ts";
import type { Failure, Permit } from "./gate.ts";
import { Gates } from "./gates.ts";
import type { Lane, Trial } from "./lane.ts";
import type { DeadCause, OutboundMessage, OutboundOptions } from "./outbound.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import { Poster } from "./poster.ts";
import { hostOf } from "./quota.ts";
import { findRoute, type Route } from "./route.ts";
import { Slots } from "./slots.ts";
import { UndeliverableError } from "./undeliverable-error.ts";

/** What an attempt came to. */
export type Outcome =
  | { readonly kind: "delivered"; readonly message: OutboundMessage }
  | { readonly kind: "dead"; readonly cause: DeadCause }
  /** Failed; the lane waits so long before the next attempt. */
  | { readonly kind: "retry"; readonly reason: string; readonly waitMs: number }
  /** Nothing was tried: the message has gone meanwhile, or its recipient has moved. */
  | { readonly kind: "again" };

/** A route that waited longer than this at a gate is looked up once more, in milliseconds. */
const STALE_MS = 30_000;
/** DIDs of one host, and of all hosts, that are resolved at the same time. */
const MAX_RESOLUTIONS_PER_HOST = 8;
const MAX_RESOLUTIONS = 128;
const AGAIN: Outcome = { kind: "again" };

/** Carries messages to other nodes, one attempt at a time: where to, past whose gates, in which envelope, and what the answer means. */
export class Delivery {
  readonly #options: OutboundOptions;
  readonly #limits: OutboundLimits;
  readonly #now: () => number;
  readonly #endpoints: Endpoints;
  readonly #poster: Poster;
  /** By who serves the recipients' documents. */
  readonly #documents: Gates;
  /** By the origin of the recipients' endpoints. */
  readonly #nodes: Gates;
  readonly #closing = new AbortController();

  constructor(options: OutboundOptions, limits: OutboundLimits) {
    const { network, now = Date.now } = options;
    // Each DID that is being resolved listens.
    setMaxListeners(0, this.#closing.signal);
    this.#options = options;
    this.#limits = limits;
    this.#now = now;
    this.#endpoints = new Endpoints(network);
    this.#poster = new Poster({ allow: network.allow, limits, now });
    const { retryMs, maxRetryMs, maxConnectionsPerNode, maxConnections } = limits;
    const gate = { retryMs, maxRetryMs, now };
    this.#documents = new Gates({ ...gate, maxActive: MAX_RESOLUTIONS_PER_HOST, slots: new Slots(MAX_RESOLUTIONS) });
    this.#nodes = new Gates({ ...gate, maxActive: maxConnectionsPerNode, slots: new Slots(maxConnections) });
  }

  /** Lanes that wait for hosts that failed. */
  get blocked(): number {
    return this.#documents.blocked + this.#nodes.blocked;
  }

  /** Tries to deliver the first message of a lane. Waits for its turns as long as it takes. Never rejects. */
  async attempt(lane: Lane, trial: Trial): Promise<Outcome> {
    try {
      const route = await this.#locate(lane, trial);
      if ("kind" in route) return route;
      const since = this.#now();
      const permit = await this.#nodes.enter(route.target.url.origin, trial.failures > 0);
      if (permit === undefined) return AGAIN;
      if (!lane.isFirst(trial)) {
        permit.release();
        return AGAIN;
      }
      lane.posting = trial.entry;
      try {
        return await this.#send(trial, permit, this.#now() - since > STALE_MS ? await this.#refresh(route) : route, route);
      } finally {
        lane.posting = undefined;
      }
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#options.events.onFailure(error);
      return this.#later(trial, "Something failed in this node");
    }
  }

  /** Called now and then. */
  sweep(): void {
    this.#documents.sweep();
    this.#nodes.sweep();
    this.#poster.sweep();
  }

  /** Sends those who wait away, and stops resolving and encrypting. What has been posted goes on. */
  stop(): void {
    this.#closing.abort(new Error("The node is stopping"));
    this.#documents.end();
    this.#nodes.end();
  }

  /** Aborts what is under way. */
  close(): Promise<void> {
    this.stop();
    return this.#poster.close();
  }

  async #locate({ recipient }: Lane, trial: Trial): Promise<Route | Outcome> {
    const permit = await this.#documents.enter(hostOf(recipient), trial.failures > 0);
    if (permit === undefined) return AGAIN;
    const { refusal } = trial;
    try {
      const route = await findRoute(recipient, {
        resolver: this.#options.resolver,
        endpoints: this.#endpoints,
        signal: this.#closing.signal,
        // Surely not what the first look has found, though timers may be a little early.
        ...(trial.lookedAgain && { maxAgeMs: this.#limits.secondLookMs / 2 }),
      });
      permit.ok();
      // The same document again: the refusal was meant.
      if (refusal !== undefined && refusal.document === JSON.stringify(route.document)) return { kind: "dead", cause: refusal.cause };
      return route;
    } catch (error) {
      if (this.#closing.signal.aborted) {
        permit.release();
        return AGAIN;
      }
      if (error instanceof UndeliverableError) permit.ok();
      const closed = error instanceof UndeliverableError ? false : permit.failed("silent");
      if (refusal !== undefined) return { kind: "dead", cause: refusal.cause };
      if (error instanceof UndeliverableError) return this.#givenUp(trial, error, this.#limits.secondLookMs);
      return this.#later(trial, ParleyError.from(error).message, closed);
    }
  }

  /** Looks where the recipient is now. An answer that can't be had just now is no reason to wait any longer. */
  async #refresh(route: Route): Promise<Route> {
    const { resolver } = this.#options;
    return findRoute(route.document.id, { resolver, endpoints: this.#endpoints, signal: this.#closing.signal }).catch(() => route);
  }

  async #send(trial: Trial, permit: Permit, route: Route, former: Route): Promise<Outcome> {
    const { target, mediators } = route;
    const { store, crypto } = this.#options;
    if (target.url.origin !== former.target.url.origin) {
      permit.release();
      return AGAIN;
    }
    let message: OutboundMessage;
    let envelope: string;
    try {
      message = store.read(trial.entry);
      envelope = await seal(message, mediators, crypto, this.#closing.signal);
    } catch (error) {
      permit.release();
      if (this.#closing.signal.aborted) return AGAIN;
      if (error instanceof UndeliverableError) return this.#givenUp(trial, error, 0);
      return this.#later(trial, ParleyError.from(error).message);
    }
    if (trial.entry.expiresAt <= this.#now()) {
      permit.release();
      return { kind: "dead", cause: expired(trial) };
    }
    return this.#post(trial, permit, route, message, envelope);
  }

  async #post(trial: Trial, permit: Permit, route: Route, message: OutboundMessage, envelope: string): Promise<Outcome> {
    let failure: Failure = "silent";
    let reason: string;
    let retryAfterMs = 0;
    try {
      const answer = readAnswer(await this.#poster.post(route.target, envelope), this.#now());
      if (answer.kind !== "later") permit.ok();
      if (answer.kind === "taken") return { kind: "delivered", message };
      if (answer.kind === "refused") return this.#refused(trial, route, answer.cause, answer.lookAgain);
      failure = "answered";
      retryAfterMs = Math.min(answer.retryAfterMs, this.#limits.maxRetryAfterMs);
      ({ reason } = answer);
    } catch (error) {
      if (error instanceof UndeliverableError) {
        permit.ok();
        return { kind: "dead", cause: causeOf(error) };
      }
      reason = `The other node can't be reached: ${nameOf(error)}`;
    }
    const closed = permit.failed(failure, retryAfterMs);
    return this.#later(trial, reason, closed, retryAfterMs);
  }

  #refused(trial: Trial, { document }: Route, cause: DeadCause, lookAgain: boolean): Outcome {
    if (trial.lookedAgain || !lookAgain) return { kind: "dead", cause };
    trial.lookedAgain = true;
    trial.refusal = { cause, document: JSON.stringify(document) };
    return AGAIN;
  }

  /** A second look, where that may help; else the end. */
  #givenUp(trial: Trial, error: UndeliverableError, waitMs: number): Outcome {
    if (trial.lookedAgain || !error.lookAgain) return { kind: "dead", cause: causeOf(error) };
    trial.lookedAgain = true;
    trial.reason = error.message;
    return { kind: "retry", reason: error.message, waitMs };
  }

  /** @param atGate whether a gate sees to the waiting. */
  #later(trial: Trial, reason: string, atGate = false, retryAfterMs = 0): Outcome {
    trial.failures += 1;
    trial.reason = reason;
    if (atGate) return { kind: "retry", reason, waitMs: 0 };
    const { retryMs, maxRetryMs } = this.#limits;
    return { kind: "retry", reason, waitMs: Math.max(retryAfterMs, backoffMs(trial.failures, { initialMs: retryMs, maxMs: maxRetryMs })) };
  }
}

/** Why a message expired, as far as anything is known. */
export function expired({ reason }: Pick<Trial, "reason">): DeadCause {
  const why = reason === undefined ? "" : `. ${reason}`;
  return { code: "expired", comment: bounded(`The message expired before the other node took it${why}`) };
}

function causeOf({ code, message }: UndeliverableError): DeadCause {
  return { code, comment: bounded(message) };
}

const MAX_COMMENT = 300;

function bounded(text: string): string {
  return text.length <= MAX_COMMENT ? text : `${text.slice(0, MAX_COMMENT - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

/** A failure by its system code where it has one: messages of sockets hold addresses. */
function nameOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.message : "unknown";
}
