import type { Telemetry } from "@parley/core";
import { AdapterError } from "../adapter-error.ts";
import type { BufferLimits } from "../internal/bounded-queue.ts";
import { tooLarge } from "../internal/json-payload.ts";
import { errorReporter } from "../internal/error-reporter.ts";
import { bestEffort } from "../internal/best-effort.ts";
import { isPeer, partyOf } from "../party.ts";
import type { EnvelopePort, ReceivedEnvelope } from "../port.ts";
import { Protocol } from "../protocol.ts";
import { callEnvelope, readCallEnvelope, type ClientCall, type ServiceParameters } from "./call.ts";
import { PendingCall } from "./pending-call.ts";
import { traceRequest, withTraceParameters } from "./trace-call.ts";

/** Options of {@link A2aChannelTransportFactory}. */
export interface A2aChannelClientOptions extends Pick<BufferLimits, "maxBufferedBytes"> {
  /** The only party whose answers are accepted, by name (`sender`). Default: the first party that answers a call. */
  readonly peer?: string;
  /** The same by key (`senderKey`), which the channel authenticates. With both, both must match. */
  readonly peerKey?: string;
  /** Maximum wait for the first answer to a call, in milliseconds. Later events of a stream have no timeout. Default 300000. */
  readonly timeoutMs?: number;
  /** Concurrent calls. Default 256. */
  readonly maxCalls?: number;
  /** Bytes of one message, inbound and outbound. Default 4194304 (4 MiB). */
  readonly maxMessageBytes?: number;
  /**
   * Receives a span for each call, such as `otel()` of `@parley/otel`. Calls then carry its context as the service parameters `traceparent` and
   * `tracestate`, which are headers over HTTP. Default: none.
   */
  readonly telemetry?: Telemetry;
  /** Called for malformed answers and for answers of other parties. Must not throw. */
  readonly onError?: (error: Error) => void;
}

const CARD_PATH = "/.well-known/agent-card.json";
const CLOSE_TIMEOUT_MS = 1000;

/** Implements `fetch` over a port, so that the official client can make its HTTP calls over a channel. */
export class ChannelFetch {
  readonly #port: EnvelopePort;
  readonly #options: A2aChannelClientOptions;
  readonly #maxMessageBytes: number;
  readonly #maxCalls: number;
  readonly #report: (error: unknown) => void;
  readonly #stop = new AbortController();
  readonly #calls = new Map<string, PendingCall>();
  #ended: { readonly error: unknown } | undefined;
  #listening = false;

  constructor(port: EnvelopePort, options: A2aChannelClientOptions) {
    this.#port = port;
    this.#options = options;
    this.#maxMessageBytes = options.maxMessageBytes ?? 4_194_304;
    this.#maxCalls = options.maxCalls ?? 256;
    this.#report = errorReporter(options.onError);
  }

  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const signal = init.signal ?? undefined;
    signal?.throwIfAborted();
    if (this.#ended !== undefined) throw this.#ended.error;
    const { event, agent, payload } = this.#read(input, init);
    if (this.#calls.size >= this.#maxCalls)
      throw new AdapterError("too_many", `The maximum of ${this.#maxCalls} pending A2A calls is reached`);
    this.#listen();
    const id: ClientCall = { call: crypto.randomUUID(), role: "client", event, agent };
    const send = (parameters: ServiceParameters): Promise<Response> => {
      const call = this.#open(id, signal);
      const envelope = callEnvelope({ call: id, parameters }, payload);
      this.#port.send(envelope, signal === undefined ? {} : { signal }).catch((error: unknown) => call.fail(error, false));
      return call.response;
    };
    const { telemetry } = this.#options;
    const parameters = parametersOf(init);
    if (telemetry === undefined) return send(parameters);
    return traceRequest(telemetry, id.call, (span) => send(withTraceParameters(parameters, span)));
  };

  close(): void {
    this.#stop.abort();
    this.#finish(new AdapterError("closed", "The A2A client is closed"), true);
  }

  #read(input: string | URL | Request, { method, body }: RequestInit): { event: "request" | "card"; agent: string; payload: Uint8Array } {
    const url = typeof input === "string" ? input : "href" in input ? input.href : input.url;
    if ((method ?? "GET") === "GET") {
      if (!url.endsWith(CARD_PATH)) throw new TypeError(`GET over a channel supports ${CARD_PATH} only`);
      return { event: "card", agent: url.slice(0, -CARD_PATH.length), payload: new Uint8Array() };
    }
    if (typeof body !== "string") throw new TypeError("The body of a request over a channel must be a string");
    const payload = new TextEncoder().encode(body);
    if (payload.length <= this.#maxMessageBytes) return { event: "request", agent: url, payload };
    throw tooLarge(payload.length, this.#maxMessageBytes);
  }

  #open(id: ClientCall, signal: AbortSignal | undefined): PendingCall {
    const { timeoutMs = 300_000, maxBufferedBytes = 16_777_216 } = this.#options;
    const timer = setTimeout(() => {
      if (call.isUnanswered) call.fail(new AdapterError("timeout", `The agent did not answer within ${timeoutMs} ms`), true);
    }, timeoutMs);
    const abort = (): void => call.fail(signal?.reason, true);
    const call = new PendingCall({ maxMessageBytes: this.#maxMessageBytes, maxBufferedBytes }, (cancel) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#calls.delete(id.call);
      if (cancel) void this.#cancel(id);
    });
    signal?.addEventListener("abort", abort, { once: true });
    this.#calls.set(id.call, call);
    return call;
  }

  #cancel(id: ClientCall): Promise<void> {
    const envelope = callEnvelope({ call: { ...id, event: "cancel" }, parameters: {} }, new Uint8Array());
    return bestEffort(CLOSE_TIMEOUT_MS, (signal) => this.#port.send(envelope, { signal }));
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    void this.#readPort(this.#port.receive({ protocol: Protocol.A2A, signal: this.#stop.signal }));
  }

  async #readPort(inbound: AsyncIterable<ReceivedEnvelope>): Promise<void> {
    let error: unknown = new AdapterError("closed", "The port is closed");
    try {
      for await (const received of inbound) this.#receive(received);
    } catch (failure) {
      error = failure;
    }
    this.#finish(error, false);
  }

  #finish(error: unknown, cancel: boolean): void {
    this.#ended ??= { error };
    for (const call of this.#calls.values()) call.fail(error, cancel);
  }

  #receive({ envelope, sender, senderKey }: ReceivedEnvelope): void {
    try {
      const read = readCallEnvelope(envelope);
      if (read?.call.role !== "server") return;
      const call = this.#calls.get(read.call.call);
      if (call === undefined) return;
      const party = partyOf({ sender, senderKey });
      if (call.isUnanswered ? !isPeer(this.#options, { sender, senderKey }) : party !== call.party) {
        throw new AdapterError("sender_mismatch", "A party that is not the agent answered an A2A call");
      }
      call.party = party;
      call.answer(read.call, envelope.payload, read.parameters);
    } catch (error) {
      this.#report(error);
    }
  }
}

function parametersOf({ headers }: RequestInit): ServiceParameters {
  const parameters = Object.fromEntries(new Headers(headers));
  delete parameters["content-type"];
  delete parameters["accept"];
  return parameters;
}
