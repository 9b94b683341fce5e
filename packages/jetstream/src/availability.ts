import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { sleep } from "@parley/core/internal";
import { API, hasApiCode } from "./failures.ts";

const PROBE_EVERY_MS = 100;
/** A NATS server accepts clients again before its JetStream is back. Then another one may be of use. */
const RECONNECT_AFTER_MS = 6000;

/**
 * Waits for streams that have no leader, or that the connected NATS server can't reach. All callers of one stream share one wait, so that
 * an outage costs one probe at a time, whatever the number of calls.
 */
export class Availability {
  readonly #nc: NatsConnection;
  readonly #jsm: JetStreamManager;
  readonly #closed: AbortSignal;
  readonly #waits = new Map<string, Promise<void>>();

  constructor(nc: NatsConnection, jsm: JetStreamManager, closed: AbortSignal) {
    this.#nc = nc;
    this.#jsm = jsm;
    this.#closed = closed;
  }

  /** The streams that are being waited for. */
  get unavailable(): readonly string[] {
    return [...this.#waits.keys()];
  }

  /** Resolves when the stream answers, or after `close`. Called after a call failed that may succeed later. */
  wait(stream: string): Promise<void> {
    const known = this.#waits.get(stream);
    if (known !== undefined) return known;
    const wait = this.#probe(stream);
    this.#waits.set(stream, wait);
    return wait;
  }

  async #probe(stream: string): Promise<void> {
    let since = performance.now();
    while (!this.#closed.aborted) {
      await sleep(PROBE_EVERY_MS, this.#closed);
      if (await this.#answers(stream)) break;
      if (performance.now() - since < RECONNECT_AFTER_MS) continue;
      since = performance.now();
      await this.#nc.reconnect().catch(() => undefined);
    }
    this.#waits.delete(stream);
  }

  async #answers(stream: string): Promise<boolean> {
    try {
      const { cluster } = await this.#jsm.streams.info(stream);
      return cluster === undefined || (cluster.leader ?? "") !== "";
    } catch (error) {
      // A stream that was deleted does not come back: the call that waits for it reports that.
      return hasApiCode(error, API.streamNotFound);
    }
  }
}
