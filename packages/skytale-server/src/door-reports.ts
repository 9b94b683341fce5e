import { Throttle } from "@parley/core/internal";
import type { Logger } from "pino";
import type { Metrics } from "./metrics.ts";

/** The server's ports: that of the API, and that of the relay. */
type Door = "api" | "relay";

/** Pause between lines of the log about the same thing, in milliseconds: strangers cause them. */
const PAUSE_MS = 1000;

/** Counts and logs what is refused or dropped before it is known whose it is, at a limited rate and without keys or tokens. */
export class DoorReports {
  readonly #logger: Logger;
  readonly #metrics: Pick<Metrics, "dropped">;
  readonly #droppedConnections = new Throttle(PAUSE_MS);
  readonly #refusedKeys = new Throttle(PAUSE_MS);

  constructor(logger: Logger, metrics: Pick<Metrics, "dropped">) {
    this.#logger = logger;
    this.#metrics = metrics;
  }

  refusedKey(about: { readonly door: Door; readonly code: string | undefined; readonly address?: string }): void {
    this.#refusedKeys.run((omitted) => this.#logger.info({ ...about, ...(omitted > 0 && { omitted }) }, "key or token refused"));
  }

  dropped(door: Door, reason: string): void {
    this.#metrics.dropped.inc({ door, reason });
    this.#droppedConnections.run((omitted) => this.#logger.warn({ door, reason, ...(omitted > 0 && { omitted }) }, "connection dropped"));
  }
}
