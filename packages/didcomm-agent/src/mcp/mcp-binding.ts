import type { JsonObject } from "@parley/core";
import type { HandlerResult } from "../handlers.ts";
import type { InboundMessage } from "../inbound-message.ts";
import { ProblemReportError } from "../problem-report.ts";
import { failureOf, readCall, RpcCode, type JsonRpcCall, type JsonRpcMessage } from "./json-rpc.ts";
import { McpError } from "./mcp-error.ts";
import { McpPeer, messageTypeOf, type McpAgent } from "./mcp-peer.ts";
import { McpTransport } from "./mcp-transport.ts";

/** The base of the message types of MCP over DIDComm. */
export const MCP_BASE = "https://layr8.io/protocols/mcp/1.0";

/** End of the type of a response. */
export const RESULT_SUFFIX = "-result";

/** Sessions served at a time. When there are more, the idle one that was used longest ago ends. */
const MAX_SESSIONS = 1000;

/** Earlier sessions that still answer requests. */
const MAX_RETIRING = 64;

/** What only servers send. Both sides send `ping` and some notifications. */
const OF_SERVERS: ReadonlySet<string> = new Set([
  "sampling/createMessage",
  "elicitation/create",
  "roots/list",
  "notifications/message",
  "notifications/tools/list_changed",
  "notifications/prompts/list_changed",
  "notifications/resources/list_changed",
  "notifications/resources/updated",
  "notifications/elicitation/complete",
]);

/** Handles the calls of one method. Its result must be an object; an {@link McpError} that it throws is sent as it is. */
export type McpMethodHandler = (params: object, from: string) => object | Promise<object>;

/**
 * MCP over DIDComm: calls of other agents' MCP servers, and a server of its own. Made by `Client.mcp`.
 *
 * @example
 * ```ts
 * import type { Client } from "layr8";
 *
 * async function callAdd(client: Client, calculator: string) {
 *   const mcp = client.mcp(); // before connect
 *   await client.connect();
 *   return mcp.peer(calculator).callTool("add", { a: 1, b: 2 });
 * }
 * ```
 */
export class McpBinding {
  readonly base: string;
  readonly #agent: McpAgent;
  /** Sessions of clients here, by the DID of the server. */
  readonly #connected = new Map<string, McpTransport>();
  /** Sessions of the server here, by the DID of the client; those used last at the end. */
  readonly #served = new Map<string, McpTransport>();
  /** Earlier sessions of the server here, whose requests are still being answered, oldest first. */
  readonly #retiring = new Set<McpTransport>();
  readonly #methods = new Map<string, McpMethodHandler>();
  #accept: ((session: McpTransport) => unknown) | undefined;

  /** Internal: see `Client.mcp`. */
  constructor(agent: McpAgent, base: string) {
    this.#agent = agent;
    this.base = base;
  }

  /** Calls an agent's methods without an MCP SDK. */
  peer(did: string): McpPeer {
    return new McpPeer(this.#agent, this.base, did);
  }

  /** A session with an agent's MCP server, for an official client: `await client.connect(mcp.connect(did))`. Ends an earlier one with the same agent. */
  connect(did: string): McpTransport {
    return this.#begin(did, this.#connected);
  }

  /**
   * Serves MCP. `accept` is called with a session for each agent that calls: `mcp.serve((session) => createServer().connect(session))`. What
   * it throws, or rejects with, goes to the error handler and ends the session. An agent that sends `initialize` again gets a new session; the
   * earlier one ends when its requests are answered.
   *
   * @throws TypeError if MCP is served already
   */
  serve(accept: (session: McpTransport) => unknown): void {
    if (this.#accept !== undefined) throw new TypeError("MCP is served already");
    this.#accept = accept;
  }

  /** Handles the calls of one method without a session, before any server. @throws TypeError if the method has a handler already */
  handle(method: string, handler: McpMethodHandler): void {
    if (this.#methods.has(method)) throw new TypeError(`There is a handler for ${method} already`);
    this.#methods.set(method, handler);
  }

  /** Internal: the handler of all messages of the protocol but responses. */
  async receive(message: InboundMessage): Promise<HandlerResult> {
    const { type, from, body } = message;
    if (from === undefined) throw new ProblemReportError("e.p.msg.no-sender", "MCP needs to know who calls");
    const call = readCall(body);
    const response =
      call === undefined || messageTypeOf(this.base, call.method) !== type
        ? failureOf(undefined, RpcCode.INVALID_REQUEST, "The body must be a JSON-RPC 2.0 request of the method that the message type names")
        : await this.#answerTo(call, from);
    return response && { type: type + RESULT_SUFFIX, body: response as unknown as JsonObject };
  }

  /** Internal: ends all sessions. */
  async close(): Promise<void> {
    const sessions = [...this.#connected.values(), ...this.#served.values(), ...this.#retiring];
    await Promise.all(sessions.map((session) => session.close()));
  }

  async #answerTo(call: JsonRpcCall, from: string): Promise<JsonRpcMessage | undefined> {
    const { id, method, params = {} } = call;
    const handler = this.#methods.get(method);
    if (handler !== undefined) return answerOf(id, await handled(handler, params, from));
    if (method === "notifications/cancelled") for (const session of this.#retiring) if (session.did === from) void session.receive(call);
    const client = this.#connected.get(from);
    if (client !== undefined && (OF_SERVERS.has(method) || this.#accept === undefined)) return client.receive(call);
    if (client !== undefined && !isOfClients(method)) {
      // A notification can be about a request of either side.
      if (id === undefined) void this.#served.get(from)?.receive(call);
      return client.receive(call);
    }
    if (this.#accept === undefined || OF_SERVERS.has(method)) {
      return answerOf(id, { error: { code: RpcCode.METHOD_NOT_FOUND, message: `This agent takes no ${method.slice(0, 64)}` } });
    }
    const session = this.#serverSession(from, method, this.#accept);
    if (session !== undefined) return session.receive(call);
    return answerOf(id, { error: { code: RpcCode.UNAVAILABLE, message: "Too many sessions are busy" } });
  }

  #serverSession(did: string, method: string, accept: (session: McpTransport) => unknown): McpTransport | undefined {
    const session = this.#served.get(did);
    if (session !== undefined && method !== "initialize") {
      this.#served.delete(did);
      this.#served.set(did, session);
      return session;
    }
    if (session === undefined && !this.#makeRoom()) return undefined;
    if (session !== undefined) this.#retire(did, session);
    const begun = this.#begin(did, this.#served);
    void this.#serve(begun, accept);
    return begun;
  }

  async #serve(session: McpTransport, accept: (session: McpTransport) => unknown): Promise<void> {
    try {
      await accept(session);
    } catch (error) {
      this.#agent.report(error);
      await session.close();
    }
  }

  #retire(did: string, session: McpTransport): void {
    this.#served.delete(did);
    this.#retiring.add(session);
    session.retire();
    const [oldest] = this.#retiring;
    if (this.#retiring.size > MAX_RETIRING) void oldest?.close();
  }

  #begin(did: string, sessions: Map<string, McpTransport>): McpTransport {
    void sessions.get(did)?.close();
    const session = new McpTransport(this.peer(did), (ended) => {
      if (sessions.get(did) === ended) sessions.delete(did);
      this.#retiring.delete(ended);
    });
    sessions.set(did, session);
    return session;
  }

  #makeRoom(): boolean {
    if (this.#served.size < MAX_SESSIONS) return true;
    for (const session of this.#served.values()) {
      if (!session.isIdle) continue;
      void session.close();
      return true;
    }
    return false;
  }
}

type Answer = Pick<JsonRpcMessage, "result" | "error">;

/** Whether only clients send a method: all but pings, and notifications that can be about a request of either side. */
function isOfClients(method: string): boolean {
  return method !== "ping" && method !== "notifications/progress" && method !== "notifications/cancelled";
}

/** A notification has no answer. */
function answerOf(id: JsonRpcCall["id"], answer: Answer): JsonRpcMessage | undefined {
  return id === undefined ? undefined : { jsonrpc: "2.0", id, ...answer };
}

/** Errors other than {@link McpError} may have private details, so their text is not sent. */
async function handled(handler: McpMethodHandler, params: object, from: string): Promise<Answer> {
  try {
    return { result: await handler(params, from) };
  } catch (error) {
    if (!(error instanceof McpError)) return { error: { code: RpcCode.INTERNAL_ERROR, message: "The handler failed" } };
    const { rpcCode, message, data } = error;
    return { error: { code: rpcCode, message, ...(data !== undefined && { data }) } };
  }
}
