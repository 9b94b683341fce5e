import { setMaxListeners } from "node:events";
import { ParleyError, type TelemetrySpan } from "@parley/core";
import { closeAll, closeTogether, deferred, sleep } from "@parley/core/internal";
import type { EnvelopePort } from "@parley/envelope-and-adapters";
import type { Direction, DirectionFactory } from "./bridge-context.ts";
import { Counters, type BridgeCounters } from "./bridge-counters.ts";
import { BridgeError } from "./bridge-error.ts";
import type { BridgeTool } from "./bridge-tool.ts";
import type { BridgeEnd, Route } from "./route.ts";
import type { OutboundEnvelope } from "./runtime/action.ts";
import { Pump } from "./runtime/pump.ts";
import { RetryingSender } from "./runtime/retrying-sender.ts";

/** How long `stop` waits for sends in flight. Sends that take longer are aborted, and the next bridge repeats them. */
const GRACE_MS = 2000;

/** A protocol that no envelope has. Subscribing to it delivers nothing, but reports when the port ends. */
const WATCH_PROTOCOL = "bridge-watch";

/** Error codes of ports that concern a single message: the port still accepts others. */
const MESSAGE_ERROR_CODES: ReadonlySet<string> = new Set([
  "header_invalid",
  "header_too_large",
  "payload_too_large",
  "message_too_large",
  "message_invalid",
  "untranslatable",
  "bad_request",
  "server_reject",
]);

/** A bridge that forwards messages from one channel to another. */
export interface RunningBridge extends AsyncDisposable {
  /** A snapshot of the counters. */
  readonly counters: BridgeCounters;
  /** Envelopes that have arrived and are not settled: queued, being sent, or waiting for an answer. */
  readonly pending: number;
  /** `ended`: a port was closed or failed. */
  readonly status: "running" | "stopped" | "ended";
  /** With an MCP server as the target: its tools; empty until it has listed them, and in other directions. */
  readonly tools: readonly BridgeTool[];
  /** Resolves when the bridge ends: with the reason, or with `undefined` after `stop`. Never rejects. */
  readonly ended: Promise<BridgeError | undefined>;
  /** Stops forwarding. Unfinished messages are delivered again to the next bridge of the same channels and protocols. Idempotent. */
  stop(): Promise<void>;
}

/** Starts a bridge. It runs until it is stopped or a port ends. */
export function runBridge(route: Route, createDirection: DirectionFactory): RunningBridge {
  return new BridgeRun(route, createDirection);
}

class BridgeRun implements RunningBridge {
  readonly #route: Route;
  readonly #counters = new Counters();
  readonly #reading = new AbortController();
  readonly #sending = new AbortController();
  readonly #pumps: readonly Pump[];
  readonly #direction: Direction;
  readonly #sends = new Set<Promise<void>>();
  readonly #ended = deferred<BridgeError | undefined>();
  #status: RunningBridge["status"] = "running";
  #closing: Promise<void> | undefined;

  constructor(route: Route, createDirection: DirectionFactory) {
    this.#route = route;
    // Each send in flight adds a listener, so the number is bounded by the window.
    setMaxListeners(0, this.#reading.signal, this.#sending.signal);
    const { signal } = this.#reading;
    const count = (name: keyof BridgeCounters): void => this.#counters.add(name);
    const report = (error: BridgeError): void => this.#report(error);
    this.#direction = createDirection({
      route,
      toSource: this.#createSender(route.source),
      toTarget: this.#createSender(route.target),
      signal,
      count,
      report,
      send: (outbound) => this.#sendUnprompted(outbound),
    });
    const { consumers } = this.#direction;
    const send = (outbound: OutboundEnvelope, span: TelemetrySpan | undefined): Promise<void> => this.#send(outbound, span);
    const { telemetry } = route.settings;
    this.#pumps = consumers.map((consumer) => new Pump(consumer, { signal, count, report, send, telemetry }));
    for (const pump of this.#pumps) void this.#endAfter(pump.run());
    const isTargetRead = consumers.some(({ port }) => port === route.target.port);
    if (!isTargetRead) void this.#endAfter(this.#watch(route.target.port));
    this.#direction.start?.();
  }

  get counters(): BridgeCounters {
    return this.#counters.snapshot;
  }

  get pending(): number {
    return this.#pumps.reduce((sum, pump) => sum + pump.pending, 0);
  }

  get status(): RunningBridge["status"] {
    return this.#status;
  }

  get tools(): readonly BridgeTool[] {
    return (this.#direction.tools ?? []).map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
  }

  get ended(): Promise<BridgeError | undefined> {
    return this.#ended.promise;
  }

  stop(): Promise<void> {
    if (this.#status === "running") {
      this.#status = "stopped";
      this.#ended.resolve(undefined);
    }
    return this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #createSender({ port }: BridgeEnd): RetryingSender {
    return new RetryingSender(port, {
      window: this.#route.settings.window,
      stop: this.#sending.signal,
      onWaiting: (cause) => this.#report(new BridgeError("waiting", "A port rejects messages temporarily", { cause })),
      onRetry: () => this.#counters.add("retried"),
    });
  }

  /** Ends the bridge when a subscription ends. */
  async #endAfter(subscription: Promise<unknown>): Promise<void> {
    try {
      await subscription;
      this.#end(undefined);
    } catch (error) {
      this.#end(error);
    }
  }

  #end(cause: unknown): void {
    if (this.#status !== "running") return;
    this.#status = "ended";
    const reason = new BridgeError("port_ended", "A port of the bridge has ended", cause === undefined ? {} : { cause });
    this.#ended.resolve(reason);
    void this.#close();
    try {
      this.#route.settings.onEnd?.(reason);
    } catch {
      // Errors of listeners are ignored: they must not throw.
    }
  }

  #close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    this.#reading.abort();
    const idle = closeTogether(...this.#pumps.map((pump) => () => pump.idle()), ...Array.from(this.#sends, (send) => () => send));
    const grace = new AbortController();
    await closeAll(
      () => this.#direction.stop?.(),
      () => Promise.race([idle, sleep(GRACE_MS, grace.signal)]),
      () => grace.abort(),
      () => this.#sending.abort(new BridgeError("port_ended", "The bridge has ended")),
      () => idle,
    );
  }

  /** Sends a message that no envelope has caused, so no pump waits for it. */
  async #sendUnprompted(outbound: OutboundEnvelope): Promise<void> {
    // An error means that the bridge has ended.
    const sent = this.#send(outbound).catch(() => {});
    this.#sends.add(sent);
    await sent;
    this.#sends.delete(sent);
  }

  /** Sends a message. If the port rejects it, sends its replacements; if the port has failed, ends the bridge and rejects. */
  async #send({ via, envelope, id, countAs, onRejected }: OutboundEnvelope, span?: TelemetrySpan): Promise<void> {
    try {
      await via.send(envelope, id, span);
      if (countAs !== undefined) this.#counters.add(countAs, id);
    } catch (error) {
      if (this.#sending.signal.aborted || !isMessageError(error)) {
        this.#end(error);
        throw error;
      }
      this.#counters.add("failed");
      this.#report(new BridgeError("not_taken", "A port rejected a message permanently", { cause: error }));
      for (const replacement of onRejected?.(error) ?? []) await this.#send(replacement, span);
    }
  }

  /** Resolves when a port that no consumer reads has ended. */
  async #watch(port: EnvelopePort): Promise<void> {
    const { signal } = this.#reading;
    const { drainTarget = false } = this.#route.settings;
    const options = drainTarget ? { signal } : { protocol: WATCH_PROTOCOL, signal };
    let inbound;
    try {
      inbound = port.receive(options);
    } catch {
      // The port can't receive. A failed send will show that it has ended.
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      return;
    }
    while ((await inbound.next()).done !== true);
  }

  #report(error: BridgeError): void {
    try {
      this.#route.settings.onError?.(error);
    } catch {
      // Errors of listeners are ignored: they must not throw.
    }
  }
}

/** Whether a port's error concerns the message only. After any other error the bridge must end, because skipping messages would lose them. */
function isMessageError(error: unknown): boolean {
  return error instanceof TypeError || MESSAGE_ERROR_CODES.has(ParleyError.from(error).code);
}
