import { setMaxListeners } from "node:events";
import { ParleyError } from "@parley/core";
import { closeAll, closeTogether, deferred, sleep } from "@parley/core/internal";
import type { EnvelopePort } from "@parley/envelope-and-adapters";
import { Counters, type BridgeCounters } from "./bridge-counters.ts";
import { BridgeError } from "./bridge-error.ts";
import { Outlet } from "./runtime/retrying-sender.ts";
import { Pump, type Dispatch, type PumpOptions } from "./runtime/pump.ts";
import type { Route } from "./route.ts";
import type { Flows, Site } from "./bridge-context.ts";

/** How long sends that are under way may take when a bridge is stopped. What is not done by then is repeated by the next. */
const GRACE_MS = 2000;

/** No envelope has it: whoever subscribes to it learns of the port's end, and of nothing else. */
const NO_PROTOCOL = "bridge-watch";

/** Codes of ports that refuse one message, and take others. */
const FAULTS_OF_MESSAGES: ReadonlySet<string> = new Set([
  "header_invalid",
  "header_too_large",
  "payload_too_large",
  "message_too_large",
  "message_invalid",
  "untranslatable",
  "bad_request",
  "server_reject",
]);

/** A bridge that forwards from one channel to another. */
export interface RunningBridge extends AsyncDisposable {
  /** What became of messages so far: a copy, as it is now. */
  readonly counters: BridgeCounters;
  /** `ended`: a port was closed or broke. */
  readonly status: "running" | "stopped" | "ended";
  /** Resolves when the bridge is over: with the reason, or with nothing after `stop`. Never rejects. */
  readonly ended: Promise<BridgeError | undefined>;
  /** Stops forwarding. What was not done with comes again to the next bridge of the same channels and protocols. Idempotent. */
  stop(): Promise<void>;
}

/** Runs the flows of a bridge until it is stopped or a port ends. */
export class Crossing implements RunningBridge {
  readonly #route: Route;
  readonly #counters = new Counters();
  readonly #reading = new AbortController();
  readonly #sending = new AbortController();
  readonly #pumps: readonly Pump[];
  readonly #flows: Flows;
  readonly #posts = new Set<Promise<void>>();
  readonly #over = deferred<BridgeError | undefined>();
  #status: RunningBridge["status"] = "running";
  #stopping: Promise<void> | undefined;

  constructor(route: Route, plan: (site: Site) => Flows) {
    this.#route = route;
    // Every send of a window listens.
    setMaxListeners(0, this.#reading.signal, this.#sending.signal);
    const count = (what: keyof BridgeCounters, id?: string): void => this.#counters.add(what, id);
    const report = (error: BridgeError): void => this.#report(error);
    const [toSource, toTarget] = [route.source, route.target].map(
      ({ port }) =>
        new Outlet(port, {
          window: route.settings.window,
          stop: this.#sending.signal,
          onWaiting: (cause) => report(new BridgeError("waiting", "A port takes no messages for now", { cause })),
          onRetry: () => count("retried"),
        }),
    ) as [Outlet, Outlet];
    const signal = this.#reading.signal;
    const options: PumpOptions = { signal, count, report, isOver: (error) => this.#isOver(error) };
    this.#flows = plan({ route, toSource, toTarget, signal, count, report, post: (dispatch) => this.#post(dispatch) });
    this.#pumps = this.#flows.flows.map((flow) => new Pump(flow, options));
    for (const pump of this.#pumps) void this.#run(pump.run());
    const isReadFrom = this.#flows.flows.some(({ port }) => port === route.target.port);
    if (!isReadFrom) void this.#run(this.#watch(route.target.port));
    this.#flows.start?.();
  }

  get counters(): BridgeCounters {
    return this.#counters.snapshot;
  }

  get status(): RunningBridge["status"] {
    return this.#status;
  }

  get ended(): Promise<BridgeError | undefined> {
    return this.#over.promise;
  }

  stop(): Promise<void> {
    if (this.#status === "running") {
      this.#status = "stopped";
      this.#over.resolve(undefined);
    }
    return this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Ends the bridge with what it ran on. */
  async #run(work: Promise<unknown>): Promise<void> {
    try {
      await work;
      this.#end(undefined);
    } catch (error) {
      this.#end(error);
    }
  }

  #end(cause: unknown): void {
    if (this.#status !== "running") return;
    this.#status = "ended";
    const reason = new BridgeError("port_ended", "A port of the bridge has ended", cause === undefined ? {} : { cause });
    this.#over.resolve(reason);
    void this.#close();
    try {
      this.#route.settings.onEnd?.(reason);
    } catch {
      // A listener's own failure has nobody left to be told.
    }
  }

  #close(): Promise<void> {
    this.#stopping ??= this.#shutDown();
    return this.#stopping;
  }

  async #shutDown(): Promise<void> {
    this.#reading.abort();
    const idle = closeTogether(...this.#pumps.map((pump) => () => pump.idle()), ...Array.from(this.#posts, (post) => () => post));
    const given = new AbortController();
    await closeAll(
      () => this.#flows.stop?.(),
      () => Promise.race([idle, sleep(GRACE_MS, given.signal)]),
      () => given.abort(),
      () => this.#sending.abort(new BridgeError("port_ended", "The bridge is over")),
      () => idle,
    );
  }

  async #post(dispatch: Dispatch): Promise<void> {
    const sent = this.#send(dispatch);
    this.#posts.add(sent);
    await sent;
    this.#posts.delete(sent);
  }

  async #send({ outlet, envelope, id, counts }: Dispatch): Promise<void> {
    try {
      await outlet.send(envelope, id);
      if (counts !== undefined) this.#counters.add(counts, id);
    } catch (error) {
      if (this.#isOver(error)) return;
      this.#counters.add("failed");
      this.#report(new BridgeError("not_taken", "A port refused a message for good", { cause: error }));
    }
  }

  /** Whether a send failed because the port is at its end, rather than because of the message. */
  #isOver(error: unknown): boolean {
    if (this.#sending.signal.aborted) return true;
    if (isFaultOfMessage(error)) return false;
    this.#end(error);
    return true;
  }

  async #watch(port: EnvelopePort): Promise<void> {
    const { signal } = this.#reading;
    const { drainTarget = false } = this.#route.settings;
    const options = drainTarget ? { signal } : { protocol: NO_PROTOCOL, signal };
    let inbound;
    try {
      inbound = port.receive(options);
    } catch {
      // A port that can only send: its sends will tell.
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      return;
    }
    while ((await inbound.next()).done !== true);
  }

  #report(error: BridgeError): void {
    try {
      this.#route.settings.onError?.(error);
    } catch {
      // A listener's own failure has nobody left to be told.
    }
  }
}

/** Whatever else a port refuses for good, it would refuse of other messages too: to go on would be to lose them. */
function isFaultOfMessage(error: unknown): boolean {
  return error instanceof TypeError || FAULTS_OF_MESSAGES.has(ParleyError.from(error).code);
}
