import type { Telemetry, TelemetrySpan } from "@parley/core";
import type { ReceivedEnvelope } from "@parley/envelope-and-adapters";
import type { BridgeCounters } from "../bridge-counters.ts";
import { BridgeError } from "../bridge-error.ts";
import { carriedContext, withTraceContext } from "../trace/trace-context.ts";
import { NO_ACTION, type Action, type OutboundEnvelope } from "./action.ts";
import type { Consumer, TaskQueue } from "./consumer.ts";
import { traceTranslation } from "./trace-translation.ts";

/** What a {@link Pump} needs from its bridge. */
export interface PumpOptions {
  readonly signal: AbortSignal;
  count(name: keyof BridgeCounters): void;
  report(error: BridgeError): void;
  /** Sends a message, or its replacements if the port rejects it. Rejects when the bridge ends. */
  send(outbound: OutboundEnvelope, span: TelemetrySpan | undefined): Promise<void>;
  readonly telemetry?: Telemetry | undefined;
}

/** Reads envelopes from a port in order, performs the consumer's actions, and settles each envelope when its action is complete. */
export class Pump {
  readonly #consumer: Consumer;
  readonly #options: PumpOptions;
  readonly #inFlight = new Set<Promise<void>>();
  /** The spans of envelopes that are being processed. */
  readonly #spans = new WeakMap<ReceivedEnvelope, TelemetrySpan>();
  #pending = 0;

  constructor(consumer: Consumer, options: PumpOptions) {
    this.#consumer = consumer;
    this.#options = options;
  }

  /** Envelopes that have arrived and are not settled. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Runs until the port ends or the signal fires.
   *
   * @throws the error of the port, if it fails
   */
  async run(): Promise<void> {
    const { port, protocol, handleUnordered, queue } = this.#consumer;
    const { signal, count } = this.#options;
    if (queue !== undefined) void this.#runTasks(queue);
    for await (const received of port.receive({ protocol, settle: "manual", signal })) {
      count("received");
      this.#pending += 1;
      this.#startSpan(received);
      const action = handleUnordered === undefined ? undefined : this.#decide(() => this.#consumer.handleUnordered?.(received));
      if (action !== undefined) this.#track(this.#performUnordered(received, action));
      // The queue is bounded by the port, which delivers only a limited number of unsettled envelopes.
      else if (queue !== undefined) queue.push(received);
      else await this.#handleInOrder(received);
      if (signal.aborted) return;
    }
  }

  /** Resolves when no envelope is in flight. */
  async idle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  async #handleInOrder(received: ReceivedEnvelope): Promise<void> {
    await this.#consumer.ready?.();
    if (this.#options.signal.aborted) return;
    const action = this.#decide(() => this.#consumer.handle(received));
    await this.#perform(received, action);
  }

  async #runTasks(queue: TaskQueue): Promise<void> {
    for (let task = await queue.next(); task !== undefined; task = await queue.next()) {
      const { received, run } = task;
      const action = this.#decide(() => run(received));
      await this.#perform(received, action);
    }
  }

  /** An action that is known already is started without a turn of the event loop. */
  async #performUnordered(received: ReceivedEnvelope, decided: Action | Promise<Action>): Promise<void> {
    const action = decided instanceof Promise ? await decided : decided;
    if (!this.#options.signal.aborted) await this.#perform(received, action);
  }

  /** Resolves when all sends have started; the rest of the action is tracked. */
  async #perform(received: ReceivedEnvelope, action: Action): Promise<void> {
    if (action.countAs !== undefined) this.#options.count(action.countAs);
    const span = this.#spans.get(received);
    // A bridge that records nothing passes on the context that came.
    const context = action.sends.length === 0 ? undefined : (span?.traceContext ?? carriedContext(received.envelope));
    const sends: Promise<void>[] = [];
    for (const { envelope, ...outbound } of action.sends) {
      await outbound.via.waitForCapacity();
      const traced = context === undefined ? envelope : withTraceContext(envelope, context);
      const sent = this.#options.send({ ...outbound, envelope: traced }, span);
      // Prevents an unhandled rejection while a later send waits for capacity; #finish handles the error.
      sent.catch(() => {});
      sends.push(sent);
    }
    this.#track(this.#finish(received, Promise.all([...sends, action.until]), action.beforeSettle));
  }

  #decide<A extends Action | Promise<Action> | undefined>(handle: () => A): A | Action {
    const { count, report } = this.#options;
    try {
      return handle();
    } catch (error) {
      count("refused");
      report(BridgeError.ofMessage(error));
      return NO_ACTION;
    }
  }

  async #finish(received: ReceivedEnvelope, complete: Promise<unknown>, beforeSettle: (() => void) | undefined): Promise<void> {
    const span = this.#spans.get(received);
    try {
      await complete;
    } catch {
      span?.end({ error: "port_ended" });
      // The bridge has ended. The port delivers this message again to the next bridge.
      return;
    }
    try {
      beforeSettle?.();
      await received.settle?.();
      span?.end();
    } catch (cause) {
      span?.end({ error: "not_settled" });
      this.#options.report(new BridgeError("not_settled", "A processed message could not be settled", { cause }));
    } finally {
      this.#pending -= 1;
    }
  }

  #startSpan(received: ReceivedEnvelope): void {
    const { telemetry } = this.#options;
    if (telemetry !== undefined) this.#spans.set(received, traceTranslation(telemetry, received));
  }

  #track(work: Promise<void>): void {
    this.#inFlight.add(work);
    void work.finally(() => this.#inFlight.delete(work));
  }
}
