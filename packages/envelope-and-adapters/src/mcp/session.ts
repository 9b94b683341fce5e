import { ParleyError } from "@parley/core";
import { abortable, deferred, rejectUnknownOptions, type Deferred } from "@parley/core/internal";
import { AdapterError } from "../adapter-error.ts";
import { BoundedQueue, type BufferLimits } from "../internal/bounded-queue.ts";
import { sizeOfJson, writeJsonPayload } from "../internal/json-payload.ts";
import { reporterOf } from "../internal/reporter.ts";
import { unsendable } from "../internal/size-refusal.ts";
import type { JsonRpcMessage } from "./json-rpc.ts";

/** Default of {@link McpSessionLimits.maxMessageBytes}. */
export const MAX_MESSAGE_BYTES = 4_194_304;

/** How long the end of a session waits until the other side is told. */
export const FAREWELL_MS = 1000;

/** Caps of a session. The buffer holds messages that wait for `onmessage` or `read()`; one more than it takes ends the session. */
export interface McpSessionLimits extends BufferLimits {
  /** Bytes of one message, inbound and outbound. Default 4194304 (4 MiB). */
  readonly maxMessageBytes?: number;
}

/** What carries a session's messages. */
export interface SessionWire {
  open(): void;
  /** Sends at once or not at all. */
  send(payload: Uint8Array, signal: AbortSignal | undefined): Promise<void>;
  /** Sends as soon as the link is there. */
  sendEventually(payload: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Where a wire puts what it receives. */
export interface SessionSink {
  message(message: JsonRpcMessage, bytes: number): void;
  /** Something that does not end the session. */
  fault(error: Error): void;
  /** The session is over, in good order or with an error. */
  end(error?: Error): void;
}

/** Options of {@link McpSession.read} and {@link McpSession.write}. */
export interface McpWaitOptions {
  /** Ends the wait; the promise is rejected with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const INTERNAL_ERROR = -32_603;

type MessageHandler = (message: JsonRpcMessage) => void;

/**
 * One end of an MCP session: a `Transport` of the official SDKs (`@modelcontextprotocol/sdk` as well as `…/client` and `…/server`), and
 * on its own `read`, `write` and `close`.
 *
 * Messages wait until `onmessage` is set or `read` is called; a program does one or the other. What can't be read is reported to
 * `onerror` and skipped; it never ends the session.
 */
export class McpSession implements AsyncDisposable {
  /** Called once when the session has ended, whoever ended it. */
  onclose?: (() => void) | undefined;
  /** Called with what went wrong and did not end the session, and before `onclose` with what did. */
  onerror?: ((error: Error) => void) | undefined;
  /** The session's id where this is a server; `undefined` in clients, which official ones take as "not initialized yet". */
  readonly sessionId?: string | undefined;

  readonly #wire: SessionWire;
  readonly #maxMessageBytes: number;
  readonly #buffer: BoundedQueue<JsonRpcMessage>;
  #handler: MessageHandler | undefined;
  #reader: Deferred<JsonRpcMessage> | undefined;
  #started = false;
  #ended: { readonly error: Error } | undefined;

  /** For this package's own use: sessions come from {@link McpChannelTransport} and {@link McpChannelServer}. */
  constructor(connect: (sink: SessionSink) => SessionWire, limits: McpSessionLimits = {}, sessionId?: string) {
    this.#maxMessageBytes = limits.maxMessageBytes ?? MAX_MESSAGE_BYTES;
    this.#buffer = new BoundedQueue(limits);
    this.sessionId = sessionId;
    this.#wire = connect({
      message: (message, bytes) => this.#receive(message, bytes),
      fault: (error) => this.#report(error),
      end: (error) => this.#end(error),
    });
  }

  /** Where messages go. Official clients and servers set it; those that waited are handed over in order. */
  get onmessage(): MessageHandler | undefined {
    return this.#handler;
  }

  set onmessage(handler: MessageHandler | undefined) {
    this.#handler = handler;
    if (this.#started) queueMicrotask(() => this.#flush());
  }

  /**
   * Begins to receive. Official clients and servers call it; `read` and `write` do it by themselves.
   *
   * @throws TypeError called twice. @throws AdapterError `closed`.
   */
  async start(): Promise<void> {
    if (this.#started) throw new TypeError("An MCP transport starts once");
    this.#begin();
  }

  /**
   * Sends one message. Messages keep the order of the calls while the link is up. While it is down, a request fails, so that its caller
   * knows; responses and notifications wait, so that what the other side waits for arrives.
   *
   * A response that can't be sent, such as one that is larger than the channel takes, is reported to `onerror` and replaced by an error
   * response (code -32603), so that the request fails at once instead of waiting for its timeout.
   *
   * @throws AdapterError `closed`, `message_too_large`, `overflow` (too much waits for the link); what the port throws.
   */
  async send(message: JsonRpcMessage, _options?: object): Promise<void> {
    await this.write(message);
  }

  /**
   * Sends one message, as {@link McpSession.send}. It waits for the channel, and anything but a request also for a link that is down and,
   * at a server's end, for a client: the signal ends the wait. What waits for the link is sent all the same.
   */
  async write(message: JsonRpcMessage, options: McpWaitOptions = {}): Promise<void> {
    checkJsonRpc(message);
    const signal = readSignal(options);
    this.#begin();
    if (message.method === undefined) await this.#respond(message, signal);
    else await this.#post(message, signal);
  }

  /**
   * The next message. Waits until there is one: the signal ends the wait, such as `AbortSignal.timeout(ms)`. One reader at a time; not
   * together with `onmessage`.
   *
   * @throws AdapterError `closed` after the end, or what ended the session; the signal's reason when aborted.
   */
  async read(options: McpWaitOptions = {}): Promise<JsonRpcMessage> {
    const signal = readSignal(options);
    if (this.#handler !== undefined) throw new TypeError("Messages of this transport go to onmessage");
    if (this.#reader !== undefined) throw new TypeError("An MCP transport is read by one reader, which is waiting already");
    const buffered = this.#buffer.shift();
    if (buffered !== undefined) return buffered;
    this.#begin();
    const reader = deferred<JsonRpcMessage>();
    this.#reader = reader;
    const leave = (): void => {
      if (this.#reader === reader) this.#reader = undefined;
    };
    // Leaves at once, lest a message goes to a reader that is gone.
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

  /** Ends the session and tells the other side, for as long as a second at most. Idempotent. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const farewell = this.#wire.close();
    this.#end();
    await farewell;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #begin(): void {
    if (this.#ended !== undefined) throw this.#ended.error;
    if (this.#started) return;
    this.#started = true;
    this.#wire.open();
    this.#flush();
  }

  async #post(message: JsonRpcMessage, signal: AbortSignal | undefined): Promise<void> {
    const payload = writeJsonPayload(message, this.#maxMessageBytes);
    const isRequest = message.method !== undefined && message.id !== undefined;
    await (isRequest ? this.#wire.send(payload, signal) : abortable(this.#wire.sendEventually(payload), signal));
  }

  /** The other side waits for a response: whatever becomes of it, it gets one. */
  async #respond(message: JsonRpcMessage, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#post(message, signal);
    } catch (error) {
      if (signal?.aborted === true || this.#ended !== undefined) throw error;
      const problem = unsendable("The response", sizeOfJson(message), error);
      await this.#post({ jsonrpc: "2.0", id: message.id, error: { code: INTERNAL_ERROR, message: problem } }, signal).catch(() => {
        throw error;
      });
      this.#report(error instanceof Error ? error : new Error(problem, { cause: error }));
    }
  }

  #receive(message: JsonRpcMessage, bytes: number): void {
    if (this.#ended !== undefined) return;
    if (this.#reader !== undefined) {
      this.#reader.resolve(message);
      this.#reader = undefined;
      return;
    }
    if (this.#buffer.isFull(bytes)) {
      void this.#wire.close();
      this.#end(new AdapterError("overflow", "Too many messages waited to be read"));
      return;
    }
    this.#buffer.push(message, bytes);
    this.#flush();
  }

  #flush(): void {
    while (this.#started && this.#handler !== undefined) {
      const message = this.#buffer.shift();
      if (message === undefined) return;
      try {
        this.#handler(message);
      } catch (error) {
        this.#report(error instanceof Error ? error : ParleyError.from(error));
      }
    }
  }

  #report(error: Error): void {
    reporterOf(this.onerror)(error);
  }

  #end(error?: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error: error ?? new AdapterError("closed", "The MCP session is closed") };
    this.#reader?.reject(this.#ended.error);
    this.#reader = undefined;
    if (error !== undefined) this.#report(error);
    try {
      this.onclose?.();
    } catch {
      // A listener's own failure has nobody left to be told.
    }
  }
}

/** What is not JSON-RPC would reach nobody at the other end. @throws TypeError */
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
