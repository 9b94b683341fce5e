import { isJsonObject, ParleyError } from "@parley/core";
import { failureOf, RpcCode, type JsonRpcCall, type JsonRpcMessage } from "./json-rpc.ts";
import type { McpPeer } from "./mcp-peer.ts";

/** A request of the other side. */
interface InboundRequest {
  /** Its id there. */
  readonly theirs: string | number;
  /** Called once, without a response if the request was cancelled. */
  answer(response?: JsonRpcMessage): void;
}

/** Calls that wait until the session is started. */
const MAX_WAITING = 64;

/**
 * A session with one agent, for the official SDKs: a `Transport` of `@modelcontextprotocol/client`, `…/server` and `…/sdk`. Both sides may send
 * requests and notifications.
 */
export class McpTransport implements AsyncDisposable {
  /** Called with each message. */
  onmessage?: ((message: JsonRpcMessage) => void) | undefined;
  /** Called once when the session has ended. */
  onclose?: (() => void) | undefined;
  /** Called for errors that end nothing. */
  onerror?: ((error: Error) => void) | undefined;
  /** The DID of the other side. */
  readonly did: string;
  readonly #peer: McpPeer;
  readonly #onEnd: (session: McpTransport) => void;
  /** Requests that came in, by the id that they have here: those of several programs with one DID may have the same id. */
  readonly #requests = new Map<number, InboundRequest>();
  #lastId = 0;
  /** Aborts of requests that were sent, by id. */
  readonly #asked = new Map<string | number, AbortController>();
  #waiting: JsonRpcCall[] | undefined = [];
  #isEnded = false;
  #isRetiring = false;

  /** Internal: see `McpBinding.connect` and `McpBinding.serve`. */
  constructor(peer: McpPeer, onEnd: (session: McpTransport) => void) {
    this.did = peer.did;
    this.#peer = peer;
    this.#onEnd = onEnd;
  }

  /** Whether no request waits for an answer, in either direction. */
  get isIdle(): boolean {
    return this.#requests.size === 0 && this.#asked.size === 0;
  }

  /** Starts to pass on messages. Official clients and servers call it. */
  async start(): Promise<void> {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const call of waiting) this.onmessage?.(call);
  }

  /**
   * Sends a request, a notification or a response. The response to a request comes as a message; so does an error response when the request can't be sent, when the
   * other side reports a problem, and when the link is lost.
   *
   * @throws McpError after the end; for a notification whatever `Client.send` throws
   */
  async send(message: JsonRpcMessage, _options?: object): Promise<void> {
    if (this.#isEnded) throw new ParleyError("client_closed", "The MCP session has ended");
    const { id, method } = message;
    if (method === undefined) return this.#answer(message);
    const call = { ...message, method };
    if (id !== undefined && id !== null) return void this.#ask(call, id);
    if (method === "notifications/cancelled") this.#asked.get(requestOf(message) ?? "")?.abort();
    await this.#peer.tell(call);
  }

  /** Ends the session on this side. Requests that wait get an error, on both sides. */
  async close(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd(this);
    for (const { answer } of this.#requests.values()) answer(failureOf(undefined, RpcCode.UNAVAILABLE, "The session has ended"));
    for (const request of this.#asked.values()) request.abort();
    this.#waiting = undefined;
    this.onclose?.();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Internal: ends the session when all its requests are answered. The agent has begun another one, which gets all further messages. */
  retire(): void {
    this.#isRetiring = true;
    this.#endIfRetired();
  }

  /** Internal: a request or notification came in. Resolves with the response; without one for a notification, and for a cancelled request. */
  receive(call: JsonRpcCall): Promise<JsonRpcMessage | undefined> {
    const { id } = call;
    if (id === undefined) {
      if (call.method === "notifications/cancelled") this.#cancelled(call);
      else this.#pass(call);
      return Promise.resolve(undefined);
    }
    if ((this.#waiting?.length ?? 0) >= MAX_WAITING) return Promise.resolve(failureOf(id, RpcCode.UNAVAILABLE, "The server is not ready"));
    return new Promise((resolve) => {
      const ours = ++this.#lastId;
      const answer = (response?: JsonRpcMessage): void => {
        this.#requests.delete(ours);
        resolve(response && { ...response, id });
        this.#endIfRetired();
      };
      this.#requests.set(ours, { theirs: id, answer });
      this.#pass({ ...call, id: ours });
    });
  }

  /** The server sends no response to a request that was cancelled. */
  #cancelled(notification: JsonRpcCall): void {
    const theirs = requestOf(notification);
    for (const [ours, request] of this.#requests) {
      if (request.theirs !== theirs) continue;
      this.#pass({ ...notification, params: { ...notification.params, requestId: ours } });
      request.answer();
    }
  }

  #pass(call: JsonRpcCall): void {
    if (this.#waiting !== undefined && this.#waiting.length < MAX_WAITING) this.#waiting.push(call);
    else if (this.#waiting === undefined) this.onmessage?.(call);
  }

  #answer(response: JsonRpcMessage): void {
    const request = typeof response.id === "number" ? this.#requests.get(response.id) : undefined;
    if (request === undefined) this.onerror?.(new ParleyError("no_request", "A response to a request that waits no longer"));
    else request.answer(response);
  }

  async #ask(request: JsonRpcCall | (JsonRpcMessage & { readonly method: string }), id: string | number): Promise<void> {
    const aborted = new AbortController();
    this.#asked.set(id, aborted);
    const response = await this.#responseTo(request, id, aborted.signal);
    if (this.#asked.get(id) === aborted) this.#asked.delete(id);
    if (!aborted.signal.aborted) this.onmessage?.(response);
    this.#endIfRetired();
  }

  #endIfRetired(): void {
    if (this.#isRetiring && this.isIdle) void this.close();
  }

  /** The SDK has a timeout of its own, and then cancels the request. */
  async #responseTo(
    request: JsonRpcMessage & { readonly method: string },
    id: string | number,
    signal: AbortSignal,
  ): Promise<JsonRpcMessage> {
    try {
      const body = await this.#peer.ask(request, { timeoutMs: Infinity, signal });
      if (isJsonObject(body["error"])) return { jsonrpc: "2.0", id, error: body["error"] };
      if (isJsonObject(body["result"])) return { jsonrpc: "2.0", id, result: body["result"] };
      return failureOf(id, RpcCode.INTERNAL_ERROR, "The other side has answered with neither a result nor an error");
    } catch (error) {
      return failureOf(id, RpcCode.INTERNAL_ERROR, ParleyError.from(error).message);
    }
  }
}

/** The request that a cancellation is about. */
function requestOf({ params }: JsonRpcMessage): string | number | undefined {
  const id: unknown = params === undefined ? undefined : Reflect.get(params, "requestId");
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}
