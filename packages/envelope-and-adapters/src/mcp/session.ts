import { ParleyError, type Telemetry } from "@parley/core";
import { abortable, deferred, rejectUnknownOptions, type Deferred } from "@parley/core/internal";
import { AdapterError } from "../adapter-error.ts";
import { BoundedQueue, type BufferLimits } from "../internal/bounded-queue.ts";
import { sizeOfJson, writeJsonPayload } from "../internal/json-payload.ts";
import { errorReporter } from "../internal/error-reporter.ts";
import { describeSendFailure } from "../internal/describe-send-failure.ts";
import type { ReceivedEnvelope } from "../port.ts";
import type { JsonRpcMessage } from "./json-rpc.ts";
import { SessionTracing } from "./session-tracing.ts";

/** Default of {@link McpSessionLimits.maxMessageBytes}. */
export const MAX_MESSAGE_BYTES = 4_194_304;

/** Maximum duration of sending the close notice. */
export const CLOSE_TIMEOUT_MS = 1000;

/** Limits of a session. The buffer holds messages until `onmessage` is set or `read()` is called; the session ends when it is full. */
export interface McpSessionLimits extends BufferLimits {
  /** Bytes of one message, inbound and outbound. Default 4194304 (4 MiB). */
  readonly maxMessageBytes?: number;
}

/** Options of a session. */
export interface McpSessionOptions extends McpSessionLimits {
  /**
   * Receives a span for each request of the session, such as `otel()` of `@parley/otel`. Requests then carry the context of their span in
   * `params._meta` (`traceparent`, `tracestate`), and handlers run as parts of the spans of their requests. Default: none.
   */
  readonly telemetry?: Telemetry;
}

/** What the port knows of a message's envelope. */
export type MessageSource = Pick<ReceivedEnvelope, "within" | "sender">;

/** Connects a session to its channel. For the classes of this package that create sessions. */
export type McpSessionConnector = (sink: {
  message(message: JsonRpcMessage, bytes: number, source: MessageSource): void;
  /** An error that does not end the session. */
  fault(error: Error): void;
  /** The session has ended, normally or with an error. */
  end(error?: Error): void;
}) => {
  open(): void;
  /** Sends at once; fails if the connection is down. */
  send(payload: Uint8Array, signal: AbortSignal | undefined): Promise<void>;
  /** Sends as soon as the connection is up. */
  sendEventually(payload: Uint8Array): Promise<void>;
  close(): Promise<void>;
};

/** Receives the messages and events of a session. */
export type SessionSink = Parameters<McpSessionConnector>[0];

/** Sends the messages of a session. */
export type SessionConnection = ReturnType<McpSessionConnector>;

/** Options of {@link McpSession.read} and {@link McpSession.write}. */
export interface McpWaitOptions {
  /** Stops waiting; the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const INTERNAL_ERROR = -32_603;

/**
 * One end of an MCP session. It is a `Transport` of the official SDKs (`@modelcontextprotocol/sdk`, `…/client` and `…/server`); without an SDK,
 * use `read`, `write` and `close`.
 *
 * Messages are buffered until `onmessage` is set or `read` is called; use only one of them. Malformed messages are reported to `onerror` and
 * skipped; they never end the session.
 */
export class McpSession implements AsyncDisposable {
  /** Called once when the session has ended, on either side. */
  onclose?: (() => void) | undefined;
  /** Called for errors that do not end the session, and before `onclose` for one that does. */
  onerror?: ((error: Error) => void) | undefined;
  /** The session's id on servers; `undefined` on clients, because the official ones interpret it as "initialized already". */
  readonly sessionId?: string | undefined;

  readonly #connection: SessionConnection;
  readonly #maxMessageBytes: number;
  readonly #tracing: SessionTracing | undefined;
  readonly #buffer: BoundedQueue<{ readonly message: JsonRpcMessage; readonly source: MessageSource }>;
  #handler: ((message: JsonRpcMessage) => void) | undefined;
  #reader: Deferred<JsonRpcMessage> | undefined;
  #started = false;
  #ended: { readonly error: Error } | undefined;

  /** Internal: sessions are created by {@link McpChannelTransport} and {@link McpChannelServer}. */
  constructor(connect: McpSessionConnector, options: McpSessionOptions = {}, sessionId?: string) {
    this.#maxMessageBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
    this.#tracing = options.telemetry && new SessionTracing(options.telemetry);
    this.#buffer = new BoundedQueue(options);
    this.sessionId = sessionId;
    this.#connection = connect({
      message: (message, bytes, source) => this.#receive(message, bytes, source),
      fault: (error) => this.#report(error),
      end: (error) => this.#end(error),
    });
  }

  /** Handler of messages, set by official clients and servers. Buffered messages are passed to it in order. */
  get onmessage(): ((message: JsonRpcMessage) => void) | undefined {
    return this.#handler;
  }

  set onmessage(handler: ((message: JsonRpcMessage) => void) | undefined) {
    this.#handler = handler;
    if (this.#started) queueMicrotask(() => this.#flush());
  }

  /**
   * Starts to receive. Official clients and servers call it; `read` and `write` start implicitly.
   *
   * @throws TypeError called twice
   * @throws AdapterError `closed`
   */
  async start(): Promise<void> {
    if (this.#started) throw new TypeError("An MCP transport can be started only once");
    this.#begin();
  }

  /**
   * Sends one message. Messages keep the order of the calls while the connection is up. While it is down, requests fail; responses and
   * notifications wait.
   *
   * A response that can't be sent, such as one that is too large for the channel, is reported to `onerror` and replaced by an error response
   * (code -32603), so that the request fails at once instead of timing out.
   *
   * @throws AdapterError `closed`, `message_too_large`, `overflow` (too many messages wait for the connection)
   * @throws the port's error
   */
  async send(message: JsonRpcMessage, _options?: object): Promise<void> {
    await this.write(message);
  }

  /**
   * Sends one message, like {@link McpSession.send}. The signal stops waiting for the channel, for a restored connection and, on servers, for
   * a client. A message that waits for the connection is still sent later.
   */
  async write(message: JsonRpcMessage, options: McpWaitOptions = {}): Promise<void> {
    checkJsonRpc(message);
    const signal = readSignal(options);
    this.#begin();
    const send = (each: JsonRpcMessage): Promise<void> =>
      each.method === undefined ? this.#respond(each, signal) : this.#sendPayload(each, signal);
    await (this.#tracing === undefined ? send(message) : this.#tracing.send(message, send));
  }

  /**
   * Returns the next message. The signal stops waiting for one, such as `AbortSignal.timeout(ms)`. One reader at a time; can't be combined with
   * `onmessage`.
   *
   * @throws AdapterError `closed` after the end
   * @throws the error that ended the session
   * @throws the signal's reason when aborted
   */
  async read(options: McpWaitOptions = {}): Promise<JsonRpcMessage> {
    const signal = readSignal(options);
    if (this.#handler !== undefined) throw new TypeError("read() can't be combined with onmessage");
    if (this.#reader !== undefined) throw new TypeError("An MCP transport has one reader at a time: another read() is pending");
    const buffered = this.#buffer.shift();
    if (buffered !== undefined) {
      this.#tracing?.receive(buffered.message, buffered.source, () => undefined);
      return buffered.message;
    }
    this.#begin();
    const reader = deferred<JsonRpcMessage>();
    this.#reader = reader;
    const leave = (): void => {
      if (this.#reader === reader) this.#reader = undefined;
    };
    // Removes the reader at once, so that no message is passed to it.
    const abort = (): void => {
      leave();
      reader.reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await reader.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
      leave();
    }
  }

  /** Ends the session and notifies the other side, within one second. Idempotent. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const closing = this.#connection.close();
    this.#end();
    await closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #begin(): void {
    if (this.#ended !== undefined) throw this.#ended.error;
    if (this.#started) return;
    this.#started = true;
    this.#connection.open();
    this.#flush();
  }

  async #sendPayload(message: JsonRpcMessage, signal: AbortSignal | undefined): Promise<void> {
    const payload = writeJsonPayload(message, this.#maxMessageBytes);
    const isRequest = message.method !== undefined && message.id !== undefined;
    await (isRequest ? this.#connection.send(payload, signal) : abortable(this.#connection.sendEventually(payload), signal));
  }

  /** Sends a response, or an error response if that fails, because the other side waits for one. */
  async #respond(message: JsonRpcMessage, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#sendPayload(message, signal);
    } catch (error) {
      if (signal?.aborted === true || this.#ended !== undefined) throw error;
      const problem = describeSendFailure("The response", sizeOfJson(message), error);
      await this.#sendPayload({ jsonrpc: "2.0", id: message.id, error: { code: INTERNAL_ERROR, message: problem } }, signal).catch(() => {
        throw error;
      });
      this.#report(error instanceof Error ? error : new Error(problem, { cause: error }));
    }
  }

  #receive(message: JsonRpcMessage, bytes: number, source: MessageSource): void {
    if (this.#ended !== undefined) return;
    if (this.#reader !== undefined) {
      this.#tracing?.receive(message, source, () => undefined);
      this.#reader.resolve(message);
      this.#reader = undefined;
      return;
    }
    if (this.#buffer.isFull(bytes)) {
      void this.#connection.close();
      this.#end(new AdapterError("overflow", "The buffer is full: messages were not read in time"));
      return;
    }
    this.#buffer.push({ message, source }, bytes);
    this.#flush();
  }

  #flush(): void {
    while (this.#started && this.#handler !== undefined) {
      const received = this.#buffer.shift();
      if (received === undefined) return;
      try {
        this.#pass(received.message, received.source, this.#handler);
      } catch (error) {
        this.#report(error instanceof Error ? error : ParleyError.from(error));
      }
    }
  }

  /** What a handler sends belongs to the trace of the message. */
  #pass(message: JsonRpcMessage, source: MessageSource, handler: (message: JsonRpcMessage) => void): void {
    const { within } = source;
    if (this.#tracing !== undefined) this.#tracing.receive(message, source, () => handler(message));
    else if (within !== undefined) within(() => handler(message));
    else handler(message);
  }

  #report(error: Error): void {
    errorReporter(this.onerror)(error);
  }

  #end(error?: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error: error ?? new AdapterError("closed", "The MCP session is closed") };
    this.#reader?.reject(this.#ended.error);
    this.#reader = undefined;
    this.#tracing?.end();
    if (error !== undefined) this.#report(error);
    try {
      this.onclose?.();
    } catch {
      // Errors of listeners are ignored: they must not throw.
    }
  }
}

/** @throws TypeError the value is not a JSON-RPC message, which the other side would reject */
function checkJsonRpc(message: JsonRpcMessage): void {
  const { jsonrpc, method, id, error } = message ?? {};
  const isAnswer = method === undefined && (id !== undefined || error !== undefined);
  if (jsonrpc === "2.0" && (typeof method === "string" || isAnswer)) return;
  throw new TypeError('A JSON-RPC message is needed, such as { jsonrpc: "2.0", id: 1, method: "ping" }');
}

function readSignal(options: McpWaitOptions): AbortSignal | undefined {
  rejectUnknownOptions(options, ["signal"]);
  options.signal?.throwIfAborted();
  return options.signal;
}
