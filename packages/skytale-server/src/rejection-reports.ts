import { Throttle } from "@parley/core/internal";
import type { Logger } from "pino";
import type { Metrics } from "./metrics.ts";

/** The server that a client has connected to. The metrics and the log have it as `door`. */
type Door = "api" | "relay";

/** Shortest interval between log lines about the same thing, in milliseconds: unauthenticated clients cause them. */
const INTERVAL_MS = 1000;

/** Counts and logs dropped connections and rejected keys and tokens, at a limited rate and without keys or tokens. */
export class RejectionReports {
  readonly #logger: Logger;
  readonly #metrics: Pick<Metrics, "dropped">;
  readonly #droppedConnections = new Throttle(INTERVAL_MS);
  readonly #rejectedKeys = new Throttle(INTERVAL_MS);

  constructor(logger: Logger, metrics: Pick<Metrics, "dropped">) {
    this.#logger = logger;
    this.#metrics = metrics;
  }

  rejectedKey(about: { readonly door: Door; readonly code: string | undefined; readonly address?: string }): void {
    this.#rejectedKeys.run((omitted) => this.#logger.info({ ...about, ...(omitted > 0 && { omitted }) }, "key or token rejected"));
  }

  dropped(door: Door, reason: string): void {
    this.#metrics.dropped.inc({ door, reason });
    this.#droppedConnections.run((omitted) => this.#logger.warn({ door, reason, ...(omitted > 0 && { omitted }) }, "connection dropped"));
  }
}
