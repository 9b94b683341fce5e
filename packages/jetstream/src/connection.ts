import { setMaxListeners } from "node:events";
import { readFile } from "node:fs/promises";
import { jetstream, type JetStreamClient, jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { credsAuthenticator, errors, type NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { backoffMs, describeThrown, sleep } from "@parley/core/internal";
import { Availability } from "./availability.ts";
import { checkConnectOptions, type JetstreamOptions } from "./connect-options.ts";
import { DoubtChecks } from "./doubt-checks.ts";
import { closedError, isTransient } from "./failures.ts";
import { JetstreamError } from "./jetstream-error.ts";
import { type Placement, Publisher } from "./publisher.ts";

const DEFAULT_PATIENCE_MS = 20_000;
const DEFAULT_MIN_PAYLOAD = 2 * 1024 * 1024;
/** Calls pile up in an outage, so each waits for a short time; {@link JetstreamConnection.retry} repeats it. */
const CALL_TIMEOUT_MS = 1500;
const CONNECT_TIMEOUT_MS = 5000;
const PING_INTERVAL_MS = 5000;
/** Without republishing (2.8), direct reads and fixes of both (2.9.2) nothing here works. */
const OLDEST = "2.9.2";
/** Older servers can lose a replicated stream when processes crash. */
const OLDEST_FOR_REPLICAS = "2.10.23";

/** A connection to NATS with JetStream, which logs, records and leases share. */
export class JetstreamConnection {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly prefix: string;
  readonly replicas: number;
  readonly patienceMs: number;
  readonly #closed = new AbortController();
  readonly #availability: Availability;
  readonly #checks: DoubtChecks;
  readonly #publisher: Publisher;

  private constructor(nc: NatsConnection, jsm: JetStreamManager, options: JetstreamOptions) {
    this.nc = nc;
    // Everything that waits on this connection listens for its end.
    setMaxListeners(0, this.closed);
    this.jsm = jsm;
    this.js = jetstream(nc, { timeout: CALL_TIMEOUT_MS });
    this.#publisher = new Publisher(nc, CALL_TIMEOUT_MS);
    this.prefix = options.prefix;
    this.replicas = options.replicas ?? 1;
    this.patienceMs = options.patienceMs ?? DEFAULT_PATIENCE_MS;
    this.#availability = new Availability(nc, jsm, this.closed);
    // Each consumer and each wait has one.
    setMaxListeners(0, this.closed);
    this.#checks = new DoubtChecks(this.closed);
    void this.#watchConnection();
    nc.subscribe("$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.*", { callback: () => void this.#checks.run() });
  }

  /**
   * Connects, and checks that the servers have what is needed.
   *
   * @throws JetstreamError `nats_unreachable`, `nats_unsupported`; TypeError for an invalid option; the signal's reason.
   */
  static async connect(options: JetstreamOptions, signal?: AbortSignal): Promise<JetstreamConnection> {
    checkConnectOptions(options);
    const nc = await reach(options, signal);
    try {
      const jsm = await jetstreamManager(nc, { timeout: CALL_TIMEOUT_MS, checkAPI: false });
      checkServer(nc, options);
      return new JetstreamConnection(nc, jsm, options);
    } catch (error) {
      await nc.close();
      throw error;
    }
  }

  /** Aborts when the connection is closed by {@link close}. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Bytes of the largest message that the connected server accepts. */
  get maxPayload(): number {
    return this.nc.info?.max_payload ?? DEFAULT_MIN_PAYLOAD;
  }

  /** Whether reads and writes succeed now, or why they wait. For a server's health check. */
  checkHealth(): { readonly ok: true } | { readonly ok: false; readonly reason: string } {
    if (this.closed.aborted) return { ok: false, reason: "The connection to NATS is closed" };
    const [stream] = this.#availability.unavailable;
    return stream === undefined ? { ok: true } : { ok: false, reason: `The stream ${stream} has no leader that this server can reach` };
  }

  /**
   * Runs a check whenever messages of a feed may have been lost: after a reconnect or an election, and every few seconds, less often if there are
   * very many. It must not reject.
   *
   * @returns how to end it.
   */
  onDoubt(check: () => Promise<void>): () => void {
    return this.#checks.add(check);
  }

  /**
   * Stores a message in a stream, in one attempt: {@link JetstreamConnection.retry} repeats it.
   *
   * @returns its stream sequence.
   * @throws errors of the library; after a TimeoutError the message may have been stored.
   */
  publish(subject: string, body: Uint8Array, placement: Placement): Promise<number> {
    return this.#publisher.publish(subject, body, placement);
  }

  /** Waits until a stream answers again, up to a time of `performance.now()`. @returns whether it may have come back in time. */
  async recovered(stream: string, deadline: number): Promise<boolean> {
    const left = deadline - performance.now();
    if (left <= 0 || this.closed.aborted) return false;
    const stop = new AbortController();
    await Promise.race([this.#availability.wait(stream), sleep(left, stop.signal)]);
    stop.abort();
    return !this.closed.aborted && performance.now() < deadline;
  }

  /**
   * Runs a call that may be repeated, until it succeeds or `patienceMs` are over.
   *
   * @throws StorageError `storage_failed` after `close`; else the last error of the call.
   */
  async retry<T>(stream: string, call: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.patienceMs;
    for (;;) {
      if (this.closed.aborted) throw closedError();
      try {
        return await call();
      } catch (error) {
        if (this.closed.aborted) throw closedError();
        if (!isTransient(error) || !(await this.recovered(stream, deadline))) throw error;
      }
    }
  }

  /** Ends the connection; calls that wait are rejected. */
  async close(): Promise<void> {
    this.#closed.abort(closedError());
    this.#publisher.close(closedError());
    await this.nc.close();
  }

  async #watchConnection(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === "reconnect") void this.#checks.run();
      const denied = status.type === "error" && status.error instanceof errors.PermissionViolationError ? status.error : undefined;
      if (denied?.operation === "publish") this.#publisher.rejectAll(denied.subject, denied);
    }
  }
}

async function reach(options: JetstreamOptions, signal: AbortSignal | undefined): Promise<NatsConnection> {
  const { servers, name, credsFile, tls, patienceMs = DEFAULT_PATIENCE_MS } = options;
  const deadline = performance.now() + patienceMs;
  const authenticator = credsFile === undefined ? undefined : credsAuthenticator(await readFile(credsFile));
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await connect({
        servers: [...servers],
        timeout: CONNECT_TIMEOUT_MS,
        pingInterval: PING_INTERVAL_MS,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 250,
        ignoreAuthErrorAbort: true,
        // Otherwise each request creates two errors in advance, for their stacks: 13 % of the processor time of a node.
        noAsyncTraces: true,
        ...(name === undefined ? {} : { name }),
        ...(authenticator === undefined ? {} : { authenticator }),
        ...(tls === undefined ? {} : { tls }),
      });
    } catch (error) {
      if (performance.now() >= deadline) throw unreachable(servers, error);
      await sleep(backoffMs(attempt, { initialMs: 100, maxMs: 1000 }), signal ?? new AbortController().signal);
    }
  }
}

function unreachable(servers: readonly string[], cause: unknown): JetstreamError {
  const message = `Cannot connect to NATS at ${servers.join(", ")}: ${describeThrown(cause)}. Check the addresses and the credentials.`;
  return new JetstreamError("nats_unreachable", message, { cause });
}

function checkServer(nc: NatsConnection, { replicas = 1, minPayload = DEFAULT_MIN_PAYLOAD }: JetstreamOptions): void {
  const { version = "0", jetstream: hasJetstream = false, max_payload: maxPayload = 0 } = nc.info ?? {};
  const oldest = replicas > 1 ? OLDEST_FOR_REPLICAS : OLDEST;
  if (version.localeCompare(oldest, "en", { numeric: true }) < 0) {
    throw new JetstreamError("nats_unsupported", `nats-server ${version} is too old: with ${replicas} replica(s), use ${oldest} or later`);
  }
  if (!hasJetstream) {
    throw new JetstreamError("nats_unsupported", 'nats-server has no JetStream: add "jetstream { store_dir: … }" to its configuration');
  }
  if (maxPayload < minPayload) {
    const message = `nats-server accepts messages of ${maxPayload} bytes, but ${minPayload} are needed: set "max_payload: 8MB" in its configuration`;
    throw new JetstreamError("nats_unsupported", message);
  }
}
