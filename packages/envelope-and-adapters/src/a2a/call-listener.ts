import { setMaxListeners } from "node:events";
import type { JsonObject, Telemetry } from "@parley/core";
import { AdapterError } from "../adapter-error.ts";
import { readJsonPayload } from "../internal/json-payload.ts";
import { rejectedMessage } from "../internal/rejected-message.ts";
import { errorReporter } from "../internal/error-reporter.ts";
import { bestEffort } from "../internal/best-effort.ts";
import { OrderedSender } from "../internal/ordered-sender.ts";
import { deferred } from "@parley/core/internal";
import { partyOf, type Sender } from "../party.ts";
import type { EnvelopePort, ReceivedEnvelope } from "../port.ts";
import { Protocol } from "../protocol.ts";
import { readCallEnvelope, type ClientCall, type ServiceParameters } from "./call.ts";
import { ServedCall, type CallResult } from "./served-call.ts";
import { traceCall } from "./trace-call.ts";

/** Options of {@link serveA2a}. */
export interface A2aServeOptions {
  /** Concurrent calls; more are answered with an error. Default 256. */
  readonly maxCalls?: number;
  /** Concurrent calls of one party. Default 64. */
  readonly maxCallsPerSender?: number;
  /** Bytes of one message, inbound and outbound. Default 4194304 (4 MiB). */
  readonly maxMessageBytes?: number;
  /**
   * Whether a party is allowed to call, by its name and its key. The key is authenticated; a name can be claimed (see `ReceivedEnvelope`). Both
   * are absent if the channel does not know them. Default: all members of the channel.
   */
  readonly accepts?: (sender: string | undefined, senderKey: string | undefined) => boolean;
  /**
   * Receives a span for each call, such as `otel()` of `@parley/otel`; the handler runs as a part of it. It is linked to the caller's, whose context
   * is in the service parameters `traceparent` and `tracestate`. Default: none.
   */
  readonly telemetry?: Telemetry;
  /** Called for calls that are malformed, rejected or can't be answered. Must not throw. */
  readonly onError?: (error: Error) => void;
}

/** Concurrent error responses to rejected calls. Beyond it, calls are rejected without a response. */
const MAX_REJECTIONS = 64;

/** Maximum duration of sending errors for pending calls when serving ends. */
const CLOSE_TIMEOUT_MS = 1000;

/** Answers calls. */
export interface AgentHandler {
  /** Interface URLs of the agent. */
  readonly urls: ReadonlySet<string>;
  card(): Promise<object>;
  /** Converts a thrown value to a JSON-RPC error. */
  errorOf(error: unknown): object;
  handle(request: Record<string, unknown>, caller: Caller): Promise<{ readonly answer: CallResult; extensions(): string[] }>;
}

/** The sender of a call and its service parameters. */
export interface Caller extends Sender {
  readonly parameters: ServiceParameters;
  readonly within?: ReceivedEnvelope["within"] | undefined;
}

/** Whether a call is allowed to run. */
type Admission = { readonly ok: true } | { readonly ok: false; readonly rejection: AdapterError };

/** Receives calls for an agent and runs them. */
export class CallListener implements AsyncDisposable {
  readonly closed: Promise<void>;
  readonly #port: EnvelopePort;
  readonly #handler: AgentHandler;
  readonly #options: A2aServeOptions;
  readonly #maxMessageBytes: number;
  readonly #report: (error: unknown) => void;
  readonly #listening = new AbortController();
  readonly #stop = new AbortController();
  readonly #calls = new Map<string, { readonly call: ServedCall; readonly party: string | undefined }>();
  readonly #done = deferred<void>();
  #rejections = 0;

  constructor(port: EnvelopePort, handler: AgentHandler, options: A2aServeOptions) {
    this.#port = port;
    this.#handler = handler;
    this.#options = options;
    this.#maxMessageBytes = options.maxMessageBytes ?? 4_194_304;
    this.#report = errorReporter(options.onError);
    this.closed = this.#done.promise;
    // Each answer in flight adds a listener, bounded by maxCalls.
    setMaxListeners(0, this.#stop.signal);
    // Its rejection can be unhandled.
    this.closed.catch(() => {});
    void this.#readPort(port.receive({ protocol: Protocol.A2A, signal: this.#listening.signal }));
  }

  async close(): Promise<void> {
    if (this.#listening.signal.aborted) return this.closed.catch(() => {});
    this.#listening.abort();
    const ended = new AdapterError("closed", "The agent is no longer served");
    await bestEffort(CLOSE_TIMEOUT_MS, () => Promise.all([...this.#calls.values()].map(({ call }) => call.end(ended))));
    this.#stop.abort();
    this.#done.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #readPort(inbound: AsyncIterable<ReceivedEnvelope>): Promise<void> {
    try {
      for await (const received of inbound) this.#receive(received);
    } catch (error) {
      this.#done.reject(error);
    }
    await this.close();
  }

  #receive(received: ReceivedEnvelope): void {
    const { envelope, sender, senderKey, within } = received;
    try {
      const read = readCallEnvelope(envelope);
      if (read?.call.role !== "client" || !this.#handler.urls.has(read.call.agent)) return;
      const key = JSON.stringify([partyOf({ sender, senderKey }), read.call.call]);
      const running = this.#calls.get(key)?.call;
      if (read.call.event === "cancel") running?.cancel();
      else if (running === undefined)
        this.#start(key, read.call, envelope.payload, { sender, senderKey, parameters: read.parameters, within });
      else throw new AdapterError("message_invalid", "An A2A call has the id of another pending call");
    } catch (error) {
      this.#report(error);
    }
  }

  #start(key: string, { call: id, event }: ClientCall, payload: Uint8Array, caller: Caller): void {
    const admission = this.#checkCaller(caller);
    if (!admission.ok && this.#rejections >= MAX_REJECTIONS) throw admission.rejection;
    const call = new ServedCall(id, new OrderedSender(this.#port, this.#stop.signal), {
      maxMessageBytes: this.#maxMessageBytes,
      errorOf: (error) => this.#handler.errorOf(error),
    });
    if (admission.ok) this.#calls.set(key, { call, party: partyOf(caller) });
    else this.#rejections += 1;
    void this.#run(call, event, payload, caller, admission).finally(() => {
      if (admission.ok) this.#calls.delete(key);
      else this.#rejections -= 1;
    });
  }

  #checkCaller(caller: Caller): Admission {
    const { maxCalls = 256, maxCallsPerSender = 64, accepts } = this.#options;
    if (accepts?.(caller.sender, caller.senderKey) === false)
      return { ok: false, rejection: new AdapterError("sender_mismatch", "This party is not allowed to call this agent") };
    const party = partyOf(caller);
    const own = [...this.#calls.values()].filter((call) => call.party === party).length;
    const full = this.#calls.size >= maxCalls || (party !== undefined && own >= maxCallsPerSender);
    return full ? { ok: false, rejection: new AdapterError("too_many", "The agent has too many pending calls") } : { ok: true };
  }

  async #run(call: ServedCall, event: ClientCall["event"], payload: Uint8Array, caller: Caller, admission: Admission): Promise<void> {
    try {
      if (!admission.ok) throw admission.rejection;
      if (event === "card") {
        await call.reply(await this.#handler.card());
        return;
      }
      const request = await this.#read(call, payload);
      if (request === undefined) return;
      call.requestId = request["id"] ?? null;
      call.outlivesCaller = request["method"] === "SendStreamingMessage";
      const handle = async (): Promise<void> => {
        const { answer, extensions } = await this.#handler.handle(request, caller);
        await call.answer(answer, extensions);
      };
      await this.#traced(call, request, caller, handle);
    } catch (error) {
      if (error instanceof AdapterError || call.isAnswered) this.#report(error);
      if (!call.isAnswered) await this.#replyError(call, error);
    }
  }

  /** What the handler sends belongs to the trace of the call. */
  #traced(call: ServedCall, { method }: JsonObject, { parameters, within, sender }: Caller, handle: () => Promise<void>): Promise<void> {
    const { telemetry } = this.#options;
    if (telemetry === undefined) return within === undefined ? handle() : within(handle);
    const source = { ...(within !== undefined && { within }), ...(sender !== undefined && { sender }) };
    return traceCall(telemetry, { id: call.id, method: typeof method === "string" ? method : "", parameters, source }, handle);
  }

  /** Reads the request. A malformed one is reported and answered with an error; then the result is `undefined`. */
  async #read(call: ServedCall, payload: Uint8Array): Promise<JsonObject | undefined> {
    try {
      const request = readJsonPayload(payload, this.#maxMessageBytes);
      if (isRequest(request)) return request;
      throw new AdapterError("message_invalid", "The request is not JSON-RPC 2.0");
    } catch (error) {
      const rejected = error instanceof AdapterError ? rejectedMessage(payload, error).reply : undefined;
      if (rejected === undefined) throw error;
      this.#report(error);
      await call.reply(rejected);
      return undefined;
    }
  }

  async #replyError(call: ServedCall, error: unknown): Promise<void> {
    try {
      await call.fail(error);
    } catch (failure) {
      // After close, failed error responses are expected.
      if (!this.#stop.signal.aborted) this.#report(failure);
    }
  }
}

function isRequest({ jsonrpc, id = null, method }: JsonObject): boolean {
  return jsonrpc === "2.0" && typeof method === "string" && (id === null || typeof id === "string" || Number.isInteger(id));
}
