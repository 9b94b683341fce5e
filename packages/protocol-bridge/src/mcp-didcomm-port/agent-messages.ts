import { isJsonObject, type JsonObject, type Message, type MessageInit } from "@parley/core";
import { Envelope, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { mcpEnvelope, type McpAddress } from "@parley/envelope-and-adapters/internal";
import { BridgeError } from "../bridge-error.ts";
import type { DeliveryQueue } from "../didcomm-port/delivery-queue.ts";
import type { DidcommInbound } from "../didcomm-port/didcomm-port.ts";
import { tryReadMcpMessage, type JsonRpcCall } from "../formats/mcp-message.ts";
import { digest } from "../internal/digest.ts";
import { utf8 } from "../internal/json.ts";
import { PendingCalls } from "../runtime/pending-calls.ts";
import { MAX_PER_PARTY, MAX_UNSETTLED_BYTES } from "../runtime/per-party-quota.ts";
import type { McpDidcommSettings } from "./mcp-didcomm-client.ts";
import { isOfServer, isResultType, isTypeOfMethod, resultType } from "./message-types.ts";
import { receivedRequest, type ReceivedRequest } from "./received-request.ts";
import { failure, hasNoSessions, responseFrom, responseFromReport, withoutSessions } from "./response-body.ts";
import { readWireId, SentRequests, wireId, type SentRequest } from "./sent-requests.ts";
import { AgentSessions } from "./sessions.ts";

const MAX_BYTES = 4_194_304;
/** Requests of agents in flight, in total. */
const MAX_REQUESTS = 512;
/** The port's `instance` as a server: agents do not say when their server has restarted. */
const INSTANCE = "didcomm";
/** A node's problem: no connection of the agent handles the message. */
const UNSUPPORTED = "e.p.msg.unsupported";

const RPC = { invalidRequest: -32_600, unavailable: -32_000 } as const;
const INVALID = "The body must be a JSON-RPC 2.0 message of the method that the message type names";

/** What the receiving half of a port needs of the sending one. */
export interface AgentMessagesPort {
  did(): string;
  /** Sends the response to a request. */
  reply(request: ReceivedRequest, body: JsonObject, id: string): Promise<void>;
}

/** Turns messages of agents into envelopes, and acknowledges each once its envelope is settled and its request answered. */
export class AgentMessages {
  readonly sessions: AgentSessions = new AgentSessions();
  /** Requests of the bridge that wait for responses. */
  readonly sent: SentRequests = new SentRequests();
  readonly #settings: McpDidcommSettings;
  readonly #queue: DeliveryQueue;
  readonly #port: AgentMessagesPort;
  /** Requests of agents that wait for responses. */
  readonly #requests: PendingCalls<ReceivedRequest>;
  /** How to acknowledge the messages that are not acknowledged yet. A redelivered message brings a new way. */
  readonly #unacknowledged = new Map<string, () => void>();
  /** The session that the bridge has with the server. */
  #serverSession: Pick<McpAddress, "session" | "server"> | undefined;

  constructor(settings: McpDidcommSettings, queue: DeliveryQueue, port: AgentMessagesPort) {
    this.#settings = settings;
    this.#queue = queue;
    this.#port = port;
    this.#requests = new PendingCalls({
      timeoutMs: settings.answerTimeoutMs,
      total: { count: MAX_REQUESTS, bytes: MAX_UNSETTLED_BYTES },
      perParty: MAX_PER_PARTY,
      onTimeout: (request) => void this.#timeOut(request),
    });
  }

  /** Whether a problem report is about a request of the bridge, and from someone who can know. */
  isOurs({ from, threadId, parentThreadId }: Message): boolean {
    const about = this.sent.get(threadId) ?? this.sent.get(parentThreadId);
    if (about === undefined) return false;
    const did = this.#port.did();
    return from === undefined || from === about.to || from === did || from === /^did:web:[^:]+/.exec(did)?.[0];
  }

  /** Handles a message: the handler returns at once, so that messages which wait for their answers don't keep others waiting. */
  async handle(message: DidcommInbound): Promise<MessageInit | undefined> {
    const { from, type } = message;
    const key = digest("mcp-didcomm", from ?? "", message.id);
    if (this.#unacknowledged.has(key)) return void this.#unacknowledged.set(key, message.ack);
    if (this.isOurs(message) && !type.startsWith(`${this.#settings.base}/`)) return this.#handleReport(message, key);
    if (from === undefined) return this.#reject(message, "A message without a sender can't be answered");
    return isResultType(type) ? this.#handleResult(message, from, key) : this.#handleCall(message, from, key);
  }

  /** The request with the id that it has in its envelope. */
  find(id: string): ReceivedRequest | undefined {
    return this.#requests.find(({ key }) => key === id);
  }

  /** The node has accepted the response to a request. */
  answered(request: ReceivedRequest): void {
    this.#requests.take(request.key);
    request.answered.resolve(true);
  }

  /** Remembers the client's session, which notifications of the server belong to. */
  useSession({ session, server }: McpAddress): void {
    this.#serverSession = { session, ...(server !== undefined && { server }) };
  }

  /** A cancellation names a request by the id that it has at the agent. */
  withTheirIds(session: string, { method, params }: JsonRpcCall, body: JsonObject): JsonObject {
    const { requestId } = params;
    const isKnown = method === "notifications/cancelled" && (typeof requestId === "string" || typeof requestId === "number");
    return isKnown ? { ...body, params: { ...params, requestId: wireId(session, requestId) } } : body;
  }

  /** Delivers the answer to a request of the bridge that was not sent to an agent. */
  deliverAnswer(request: SentRequest, response: JsonObject, from: string): void {
    void this.#queue.deliver({ envelope: this.#answerEnvelope(request, response, {}), sender: from });
  }

  close(): void {
    for (const { answered } of this.#requests.clear()) answered.resolve(false);
  }

  #handleResult(message: DidcommInbound, from: string, key: string): undefined {
    const { threadId, body } = message;
    const request = this.sent.get(threadId) ?? this.#requestOf(body["id"], from);
    if (request?.to !== from) return this.#reject(message, "The response belongs to no request");
    const response = responseFrom(request.id, body);
    const isRefused = request.method === "initialize" && hasNoSessions(response);
    this.#forget(threadId);
    return this.#pass(
      message,
      key,
      this.#answerEnvelope(request, isRefused ? withoutSessions(request.id, nameOf(from)) : response, message),
    );
  }

  /** The request that a response from before a restart belongs to. Only the server can answer such requests. */
  #requestOf(id: unknown, from: string): SentRequest | undefined {
    const read = readWireId(id);
    if (read === undefined || from !== this.#settings.server) return undefined;
    return { ...read, to: from, method: "", answeredBy: "server", server: this.#serverSession?.server };
  }

  #handleReport(message: DidcommInbound, key: string): undefined {
    const { threadId, parentThreadId, body } = message;
    const request = this.sent.get(threadId) ?? this.sent.get(parentThreadId);
    if (request === undefined) return undefined;
    this.#forget(threadId);
    this.#forget(parentThreadId);
    const hasNone = request.method === "initialize" && body["code"] === UNSUPPORTED;
    const response = hasNone ? withoutSessions(request.id, nameOf(request.to)) : responseFromReport(request.id, body);
    return this.#pass({ ...message, from: request.to }, key, this.#answerEnvelope(request, response, message));
  }

  #handleCall(message: DidcommInbound, from: string, key: string): MessageInit | undefined {
    const payload = utf8(JSON.stringify(message.body));
    const { message: call, error } = tryReadMcpMessage(payload, MAX_BYTES);
    if (call?.kind !== "call" || !isTypeOfMethod(message.type, this.#settings.base, call.method)) {
      this.#settings.report(error ?? new BridgeError("message_invalid", INVALID));
      return this.#refuse(message, failure(null, INVALID, undefined, RPC.invalidRequest));
    }
    const { id } = call;
    const byServer = from === this.#settings.server && this.#isOfServer(call, from);
    if (!byServer && !this.#settings.accepts(from, message)) {
      this.#settings.report(new BridgeError("sender_mismatch", "An agent that is not allowed to call sent a message"));
      const refusal = failure(id ?? null, "This agent is not allowed to call", undefined, RPC.unavailable);
      if (id !== undefined) return this.#refuse(message, refusal);
      message.ack();
      return undefined;
    }
    const address = byServer ? this.#serverAddress() : clientAddress(this.sessions.sessionOf(from));
    // Without a session the message comes again, when the bridge has opened one.
    if (address === undefined) return undefined;
    if (id === undefined) {
      const body = this.#withOurIds(call, from, message.body);
      return this.#pass(message, key, envelopeOf(address, body, message));
    }
    if (!this.#requests.hasCapacity(from, payload.length))
      return this.#refuse(message, failure(id, "Too many requests wait for answers", undefined, RPC.unavailable));
    const request = receivedRequest(message, { key, session: address.session, id, bytes: payload.length });
    this.#requests.add(request);
    return this.#pass(message, key, envelopeOf(address, { ...message.body, id: key }, message), request.answered.promise);
  }

  /** A cancelled request gets no response, so it is finished once its envelope is settled. */
  #withOurIds({ method, params }: JsonRpcCall, from: string, body: JsonObject): JsonObject {
    if (method !== "notifications/cancelled") return body;
    const request = this.#find(from, params["requestId"]);
    if (request === undefined) return body;
    this.answered(request);
    return { ...body, params: { ...params, requestId: request.key } };
  }

  /** Whether the server sent a message as a server. It can be a client of the bridge too, and cancels requests of both kinds. */
  #isOfServer({ method, params }: JsonRpcCall, from: string): boolean {
    const cancelled = method === "notifications/cancelled" ? this.#find(from, params["requestId"]) : undefined;
    return isOfServer(method) && (cancelled === undefined || cancelled.session === this.#serverSession?.session);
  }

  #find(from: string, id: unknown): ReceivedRequest | undefined {
    return this.#requests.find((request) => request.from === from && request.id === id);
  }

  #serverAddress(): McpAddress | undefined {
    return this.#serverSession && { ...this.#serverSession, role: "server", instance: INSTANCE };
  }

  #answerEnvelope({ session, answeredBy, server }: SentRequest, response: JsonObject, message: Partial<Message>): Envelope {
    const address: McpAddress =
      answeredBy === "client"
        ? clientAddress(session)
        : { session, role: "server", instance: INSTANCE, ...(server !== undefined && { server }) };
    return envelopeOf(address, response, message);
  }

  /** Passes an envelope on. The message is acknowledged when the envelope is settled, and its request answered. */
  #pass(message: DidcommInbound, key: string, envelope: Envelope, answered: Promise<boolean> = Promise.resolve(true)): undefined {
    this.#unacknowledged.set(key, message.ack);
    const { from, context } = message;
    const received: ReceivedEnvelope = {
      envelope,
      id: key,
      ...(from !== undefined && { sender: from }),
      ...(context?.authorized !== undefined && { authorized: context.authorized }),
    };
    void (async () => {
      const outcome = await this.#queue.deliver(received);
      const isDone = outcome === "settled" && (await answered);
      const acknowledge = this.#unacknowledged.get(key);
      this.#unacknowledged.delete(key);
      if (isDone) acknowledge?.();
    })();
    return undefined;
  }

  /** Answers a request with an error, as the reply of the agent's handler. */
  #refuse(message: DidcommInbound, body: JsonObject): MessageInit {
    message.ack();
    return { type: resultType(message.type), body };
  }

  #reject(message: DidcommInbound, reason: string): undefined {
    this.#settings.report(new BridgeError("message_invalid", reason));
    message.ack();
    return undefined;
  }

  async #timeOut(request: ReceivedRequest): Promise<void> {
    const body = failure(request.id, "The request was not answered in time", undefined, RPC.unavailable);
    try {
      await this.#port.reply(request, body, `${request.key}.timeout`);
      request.answered.resolve(true);
    } catch {
      // The node delivers the request again, which then gets an answer or another timeout.
      request.answered.resolve(false);
    }
  }

  #forget(thread: string | undefined): void {
    if (thread !== undefined) this.sent.delete(thread);
  }
}

function clientAddress(session: string): McpAddress {
  return { session, role: "client", event: "open" };
}

function nameOf(did: string): string {
  return did.slice(0, 128);
}

/** The `bridge` header becomes metadata, and the trace context a header. */
function envelopeOf(address: McpAddress, body: JsonObject, { headers, traceContext }: Partial<Message>): Envelope {
  const bridge = headers?.["bridge"];
  const payload = utf8(JSON.stringify(body));
  const { protocol, contentType, metadata } = mcpEnvelope(address, payload, isJsonObject(bridge) ? { bridge } : {});
  const trace: JsonObject = traceContext === undefined ? {} : { trace_context: { ...traceContext } };
  return new Envelope(protocol, contentType, payload, metadata, trace);
}
