import { setMaxListeners } from "node:events";
import type { JsonObject } from "@parley/core";
import { AdapterError } from "../adapter-error.ts";
import { readJsonPayload } from "../internal/json-payload.ts";
import { rejectedMessage } from "../internal/rejected-message.ts";
import { reporterOf } from "../internal/reporter.ts";
import { settleWithin } from "../internal/settle.ts";
import { Outbox } from "../internal/outbox.ts";
import { deferred } from "@parley/core/internal";
import { partyOf, type Sender } from "../party.ts";
import type { EnvelopePort, ReceivedEnvelope } from "../port.ts";
import { Protocol } from "../protocol.ts";
import { readCallEnvelope, type ClientCall, type ServiceParameters } from "./call.ts";
import { ServedCall, type Answer } from "./served-call.ts";

/** Options of {@link serveA2a}. */
export interface A2aServeOptions {
  /** Calls at the same time; one more is answered with an error. Default 256. */
  readonly maxCalls?: number;
  /** Calls of one party at the same time. Default 64. */
  readonly maxCallsPerSender?: number;
  /** Bytes of one message, inbound and outbound. Default 4194304 (4 MiB). */
  readonly maxMessageBytes?: number;
  /**
   * Whether a party may call, by its name and its key. The key is proved; a name may be claimed (see `ReceivedEnvelope`). Default: every
   * member of the channel may. Both are absent where the channel can't tell.
   */
  readonly accepts?: (sender: string | undefined, senderKey: string | undefined) => boolean;
  /** Told of what can't be read, is refused, or can't be answered. Must not throw. */
  readonly onError?: (error: Error) => void;
}

/** Refusals that are on their way. Beyond them, a call is refused without an answer. */
const MAX_REFUSALS = 64;

/** How long the end of serving waits until those who wait for answers are told. */
const FAREWELL_MS = 1000;

/** What answers calls. */
export interface CallHandler {
  /** Addresses of the agent. */
  readonly urls: ReadonlySet<string>;
  card(): Promise<object>;
  /** The JSON-RPC error of whatever was thrown. */
  errorOf(error: unknown): object;
  handle(request: Record<string, unknown>, caller: Caller): Promise<{ readonly answer: Answer; extensions(): string[] }>;
}

/** Who calls, and how. */
export interface Caller extends Sender {
  readonly parameters: ServiceParameters;
}

/** Receives calls for an agent and runs them. */
export class CallListener implements AsyncDisposable {
  readonly closed: Promise<void>;
  readonly #port: EnvelopePort;
  readonly #handler: CallHandler;
  readonly #options: A2aServeOptions;
  readonly #maxMessageBytes: number;
  readonly #report: (error: unknown) => void;
  readonly #listening = new AbortController();
  readonly #stop = new AbortController();
  readonly #calls = new Map<string, { readonly call: ServedCall; readonly party: string | undefined }>();
  readonly #done = deferred<void>();
  #refusals = 0;

  constructor(port: EnvelopePort, handler: CallHandler, options: A2aServeOptions) {
    this.#port = port;
    this.#handler = handler;
    this.#options = options;
    this.#maxMessageBytes = options.maxMessageBytes ?? 4_194_304;
    this.#report = reporterOf(options.onError);
    this.closed = this.#done.promise;
    // The answers of all calls listen.
    setMaxListeners(0, this.#stop.signal);
    // Whether anybody looks at it or not.
    this.closed.catch(() => {});
    void this.#pump(port.receive({ protocol: Protocol.A2A, signal: this.#listening.signal }));
  }

  async close(): Promise<void> {
    if (this.#listening.signal.aborted) return this.closed.catch(() => {});
    this.#listening.abort();
    const ended = new AdapterError("closed", "The agent is no longer served");
    await settleWithin(FAREWELL_MS, () => Promise.all([...this.#calls.values()].map(({ call }) => call.end(ended))));
    this.#stop.abort();
    this.#done.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #pump(inbound: AsyncIterable<ReceivedEnvelope>): Promise<void> {
    try {
      for await (const received of inbound) this.#receive(received);
    } catch (error) {
      this.#done.reject(error);
    }
    await this.close();
  }

  #receive({ envelope, sender, senderKey }: ReceivedEnvelope): void {
    try {
      const read = readCallEnvelope(envelope);
      if (read?.call.role !== "client" || !this.#handler.urls.has(read.call.agent)) return;
      const key = JSON.stringify([partyOf({ sender, senderKey }), read.call.call]);
      const running = this.#calls.get(key)?.call;
      if (read.call.event === "cancel") running?.cancel();
      else if (running === undefined) this.#start(key, read.call, envelope.payload, { sender, senderKey, parameters: read.parameters });
      else throw new AdapterError("message_invalid", "An A2A call has the id of another that is under way");
    } catch (error) {
      this.#report(error);
    }
  }

  #start(key: string, { call: id, event }: ClientCall, payload: Uint8Array, caller: Caller): void {
    const refusal = this.#refusal(caller);
    if (refusal !== undefined && this.#refusals >= MAX_REFUSALS) throw refusal;
    const call = new ServedCall(id, new Outbox(this.#port, this.#stop.signal), {
      maxMessageBytes: this.#maxMessageBytes,
      errorOf: (error) => this.#handler.errorOf(error),
    });
    if (refusal === undefined) this.#calls.set(key, { call, party: partyOf(caller) });
    else this.#refusals += 1;
    void this.#run(call, event, payload, caller, refusal).finally(() => {
      if (refusal === undefined) this.#calls.delete(key);
      else this.#refusals -= 1;
    });
  }

  #refusal(caller: Caller): AdapterError | undefined {
    const { maxCalls = 256, maxCallsPerSender = 64, accepts } = this.#options;
    if (accepts?.(caller.sender, caller.senderKey) === false)
      return new AdapterError("sender_mismatch", "This party may not call this agent");
    const party = partyOf(caller);
    const own = [...this.#calls.values()].filter((call) => call.party === party).length;
    const full = this.#calls.size >= maxCalls || (party !== undefined && own >= maxCallsPerSender);
    return full ? new AdapterError("too_many", "The agent has too many calls under way") : undefined;
  }

  async #run(
    call: ServedCall,
    event: ClientCall["event"],
    payload: Uint8Array,
    caller: Caller,
    refusal: AdapterError | undefined,
  ): Promise<void> {
    try {
      if (refusal !== undefined) throw refusal;
      if (event === "card") {
        await call.reply(await this.#handler.card());
        return;
      }
      const request = await this.#read(call, payload);
      if (request === undefined) return;
      call.requestId = request["id"] ?? null;
      call.outlivesCaller = request["method"] === "SendStreamingMessage";
      const { answer, extensions } = await this.#handler.handle(request, caller);
      await call.answer(answer, extensions);
    } catch (error) {
      if (error instanceof AdapterError || call.isAnswered) this.#report(error);
      if (!call.isAnswered) await this.#replyError(call, error);
    }
  }

  /** The request; `undefined` if it is none, which is reported and answered. */
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
      // Nobody is left to be answered when this listener is closed.
      if (!this.#stop.signal.aborted) this.#report(failure);
    }
  }
}

function isRequest({ jsonrpc, id = null, method }: JsonObject): boolean {
  return jsonrpc === "2.0" && typeof method === "string" && (id === null || typeof id === "string" || Number.isInteger(id));
}
