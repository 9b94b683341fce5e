import { ParleyError } from "@parley/core";
import type { DidDocument, DidResolver } from "@parley/did";
import type { Endpoints } from "./endpoints.ts";
import type { Permit } from "./gate.ts";
import { Gates } from "./gates.ts";
import type { Trial } from "./lane.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import { AGAIN, later, type Outcome, undeliverable } from "./outcome.ts";
import { hostOf } from "./quota.ts";
import { findRoute, type Route } from "./route.ts";
import { Slots } from "./slots.ts";
import { systemCodeOf } from "./system-code.ts";
import { UndeliverableError } from "./undeliverable-error.ts";

/** DIDs of one host, and of all hosts, that are resolved at the same time. */
const MAX_PER_HOST = 8;
const MAX_RESOLUTIONS = 128;

/** What a locator is made with. */
export interface LocatorOptions {
  readonly resolver: DidResolver;
  readonly endpoints: Endpoints;
  readonly limits: OutboundLimits;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

/** Finds where recipients are, and does not ask again and again a host that has no documents just now. */
export class Locator {
  readonly #options: LocatorOptions;
  readonly #hosts: Gates;
  readonly #known = new WeakMap<DidDocument, Route>();

  constructor(options: LocatorOptions) {
    const { now, limits } = options;
    const { retryMs, maxRetryMs } = limits;
    this.#options = options;
    this.#hosts = new Gates({ retryMs, maxRetryMs, now, maxActive: MAX_PER_HOST, slots: new Slots(MAX_RESOLUTIONS) });
  }

  /** Messages that wait for hosts that failed. */
  get blocked(): number {
    return this.#hosts.blocked;
  }

  /** Whether any host is left alone because it failed. */
  get anyClosed(): boolean {
    return this.#hosts.anyClosed;
  }

  /** The host of a DID was heard of. */
  hint(did: string): void {
    this.#hosts.hint(hostOf(did));
  }

  /** Finds the route of a message, or why there is none. */
  async locate(trial: Trial): Promise<Route | Outcome> {
    const { recipient } = trial.entry;
    const permit = await this.#hosts.enter(hostOf(recipient), trial.failures > 0);
    if (permit === undefined) return AGAIN;
    const { refusal } = trial;
    try {
      const route = await this.#find(recipient, maxAgeOf(trial, this.#options.limits));
      permit.ok();
      trial.unresolved = false;
      // The same document again: the refusal was meant.
      if (refusal !== undefined && refusal.document === JSON.stringify(route.document)) return { kind: "dead", cause: refusal.cause };
      return route;
    } catch (error) {
      return this.#failed(trial, permit, error);
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
  end(): void {
    this.#hosts.end();
  }

  #find(recipient: string, maxAgeMs: number): Promise<Route> {
    const { resolver, endpoints, signal } = this.#options;
    return findRoute(recipient, { resolver, endpoints, signal, maxAgeMs, known: this.#known });
  }

  #failed(trial: Trial, permit: Permit, error: unknown): Outcome {
    const { limits, signal } = this.#options;
    if (signal.aborted) {
      permit.release();
      return AGAIN;
    }
    trial.unresolved = true;
    const final = error instanceof UndeliverableError ? error : undefined;
    if (final !== undefined) permit.ok();
    const atGate = final === undefined && permit.failed("silent");
    if (trial.refusal !== undefined) return { kind: "dead", cause: trial.refusal.cause };
    if (final !== undefined) return undeliverable(trial, final, limits.secondLookMs);
    return later(trial, limits, { reason: reasonOf(error), atGate });
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
function maxAgeOf({ lookedAgain, unresolved }: Trial, { secondLookMs, retryMs }: OutboundLimits): number {
  if (lookedAgain) return secondLookMs / 2;
  return unresolved ? retryMs / 2 : Infinity;
}
