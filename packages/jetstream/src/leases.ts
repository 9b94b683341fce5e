import { randomUUID } from "node:crypto";
import { runWithin, sleep } from "@parley/core/internal";
import type { JetstreamConnection } from "./connection.ts";
import { API, asStorageError, hasApiCode } from "./failures.ts";
import { ensureStreams } from "./streams.ts";

/** How leases are kept. */
export interface LeasesOptions {
  /** Names the stream and its subjects: 1 to 16 characters of `a-z 0-9`. */
  readonly name: string;
  /** Milliseconds after which a lease that is not renewed is free. The same for all servers. Default 10,000. */
  readonly ttlMs?: number | undefined;
}

/** The right to do something that one server at a time does. */
export interface Lease {
  /** Aborts when the lease is lost or released. It aborts before another server can acquire the lease. */
  readonly lost: AbortSignal;
  /** Gives the lease back. */
  release(): Promise<void>;
}

const DEFAULT_TTL_MS = 10_000;
const NANOSECONDS = 1e6;
/** Parts of `ttlMs` after which a lease is renewed, and after which its holder ends it. */
const RENEW_AFTER = 0.2;
const LOST_AFTER = 0.8;

/**
 * Leases by name: a message that JetStream removes after `ttlMs`. It is in a file, since a NATS server that restarts has forgotten streams in
 * memory, and another server could acquire a lease that is held.
 */
export class Leases {
  readonly #connection: JetstreamConnection;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #ttlMs: number;
  readonly #holder = Buffer.from(randomUUID());

  private constructor(connection: JetstreamConnection, { name, ttlMs = DEFAULT_TTL_MS }: LeasesOptions) {
    this.#connection = connection;
    this.#stream = `${connection.prefix}_${name}`.toUpperCase();
    this.#prefix = `${connection.prefix}.${name}.`;
    this.#ttlMs = ttlMs;
  }

  /** @throws JetstreamError `streams_unavailable` */
  static async open(connection: JetstreamConnection, options: LeasesOptions): Promise<Leases> {
    const leases = new Leases(connection, options);
    await ensureStreams(connection, [
      {
        name: leases.#stream,
        subjects: [`${leases.#prefix}*`],
        max_msgs_per_subject: 1,
        max_age: leases.#ttlMs * NANOSECONDS,
      },
    ]);
    return leases;
  }

  /**
   * Acquires a lease unless a server holds it, this one included.
   *
   * @param name characters of `A-Z a-z 0-9 - _`.
   * @throws StorageError `storage_failed`
   */
  async acquire(name: string): Promise<Lease | undefined> {
    const since = performance.now();
    const revision = await this.#write(name, 0);
    if (revision === undefined) return undefined;
    const lost = new AbortController();
    const renewing = this.#renew(name, { revision, since }, lost);
    return {
      lost: lost.signal,
      release: async () => {
        lost.abort();
        await renewing;
        const subject = this.#prefix + name;
        await this.#connection.jsm.streams.purge(this.#stream, { filter: subject }).catch(() => undefined);
      },
    };
  }

  /** Renews a lease until it is lost. The time counts from before a renewal was sent, so it ends here before it does in JetStream. */
  async #renew(name: string, held: { revision: number; since: number }, lost: AbortController): Promise<void> {
    const deadline = (): number => held.since + LOST_AFTER * this.#ttlMs - performance.now();
    while (!lost.signal.aborted && deadline() > 0 && !this.#connection.closed.aborted) {
      await sleep(RENEW_AFTER * this.#ttlMs, lost.signal);
      if (lost.signal.aborted) return;
      const since = performance.now();
      const bounds = { signals: [lost.signal], timeoutMs: Math.max(0, deadline()) };
      const revision = await runWithin(bounds, () => this.#write(name, held.revision)).catch(() => undefined);
      if (revision === undefined) break;
      held.revision = revision;
      held.since = since;
    }
    lost.abort();
  }

  /** @returns the new revision; `undefined` if the lease has another one than expected. */
  async #write(name: string, expected: number): Promise<number | undefined> {
    const placement = { stream: this.#stream, expected };
    try {
      return await this.#connection.retry(this.#stream, () => this.#connection.publish(this.#prefix + name, this.#holder, placement));
    } catch (error) {
      if (hasApiCode(error, API.wrongLastSequence)) return undefined;
      throw asStorageError("A lease cannot be written", error);
    }
  }
}
