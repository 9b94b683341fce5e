import { isJsonObject, type JsonObject } from "@parley/core";
import { deferred, type Deferred } from "@parley/core/internal";
import { Protocol, type Envelope, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { describeSendFailure, mcpEnvelope, partyOf, readMcpAddress } from "@parley/envelope-and-adapters/internal";
import { ToolSession } from "../a2a-to-mcp/tool-session.ts";
import type { BridgeContext, Direction } from "../bridge-context.ts";
import { BridgeError } from "../bridge-error.ts";
import type { BridgeTool } from "../bridge-tool.ts";
import {
  errorBytes,
  JSON_RPC_ERRORS,
  negotiateVersion,
  notificationBytes,
  OWN_SESSION_PREFIX,
  resultBytes,
  tryReadMcpMessage,
  type JsonRpcAnswer,
  type JsonRpcCall,
  type McpReadResult,
} from "../formats/mcp-message.ts";
import { utf8, writeJson } from "../internal/json.ts";
import type { RoutedEnvelope } from "../route.ts";
import { IGNORED, LOOPED, NO_ACTION, type Action, type OutboundEnvelope } from "../runtime/action.ts";
import { CatchUp } from "../runtime/catch-up.ts";
import { PendingCalls, type PendingCall } from "../runtime/pending-calls.ts";
import { MAX_PER_PARTY, MAX_UNSETTLED_BYTES } from "../runtime/per-party-quota.ts";
import { SessionOwners } from "../runtime/session-owners.ts";
import { placeOf } from "../trace/next-path.ts";
import { writeTrace } from "../trace/trace.ts";
import { neutralMetadata } from "../translate/kept-form.ts";
import { translatedEnvelope } from "../translate/translated-envelope.ts";
import { readForwardedId, writeForwardedId, type ForwardedRequest } from "./forwarded-id.ts";

/** Methods about the state of a session, which all clients of the bridge share at the server. */
const NOT_FORWARDED = /^(?:server\/discover|logging\/|resources\/(?:un)?subscribe$|subscriptions\/|tasks\/)/;
/** Capabilities of a server that a client of the bridge can use. */
const PASSED_ON = ["tools", "resources", "prompts", "completions"];

const UNKNOWN_OUTCOME = "It is unknown whether the request ran.";

type McpRequest = JsonRpcCall & { readonly id: string | number };

interface PendingRequest extends PendingCall {
  readonly request: ForwardedRequest;
  /** Answers that the server had sent before. */
  readonly answersBefore: number;
  /** Resolves when the request is answered or cancelled, and rejects when the bridge ends before that. */
  readonly ended: Deferred<void>;
  /** Whether it was sent to the server. */
  isSent: boolean;
}

/**
 * Makes the bridge a server for the MCP clients of the source and a client of the MCP server of the target. Requests of all clients cross in one
 * session, with ids of the bridge.
 */
export class McpToMcp implements Direction {
  readonly consumers: Direction["consumers"];
  readonly #context: BridgeContext;
  readonly #instance: string;
  readonly #sessionId: string;
  readonly #session: ToolSession;
  readonly #owners = new SessionOwners();
  readonly #pending: PendingCalls<PendingRequest>;
  readonly #catchUp = new CatchUp();
  #answers = 0;

  constructor(context: BridgeContext) {
    this.#context = context;
    const { source, target, settings } = context.route;
    this.#instance = context.route.deriveId("server");
    this.#sessionId = `${OWN_SESSION_PREFIX}${context.route.deriveId("session", settings.agent)}`;
    this.#pending = new PendingCalls({
      timeoutMs: settings.answerTimeoutMs,
      total: { count: settings.maxPending, bytes: MAX_UNSETTLED_BYTES },
      perParty: MAX_PER_PARTY,
      onTimeout: (pending) => void this.#handleTimeout(pending),
    });
    this.#session = this.#createSession();
    this.consumers = [
      { port: source.port, protocol: Protocol.MCP, handleUnordered: (received) => this.#handleClient(received), handle: () => IGNORED },
      {
        port: target.port,
        protocol: Protocol.MCP,
        ready: () => this.#catchUp.done,
        handle: (received) => this.#handleServer(received),
      },
    ];
  }

  get tools(): readonly BridgeTool[] {
    return this.#session.tools;
  }

  start(): void {
    this.#session.open();
    void this.#catchUp.start(this.#context.signal);
  }

  stop(): void {
    this.#catchUp.stop();
    for (const { ended } of this.#pending.clear()) ended.reject(bridgeEnded());
  }

  #createSession(): ToolSession {
    const { route, toTarget, signal, report, send } = this.#context;
    const { source, target, settings } = route;
    // With the path, a bridge in the opposite direction recognizes that this session comes from its target.
    const bridge = writeTrace({ path: [placeOf(source.name, source.protocol)], claims: [], lost: [] });
    return new ToolSession({
      session: this.#sessionId,
      name: settings.agent,
      server: settings.server,
      peer: settings.peer,
      peerKey: settings.peerKey,
      needsTools: true,
      signal,
      onWaiting: () => {
        const which = settings.server === undefined ? "MCP server" : `MCP server named ${settings.server}`;
        report(new BridgeError("waiting", `No ${which} answers on ${target.name}: start one there. Requests wait for it`));
      },
      send: (address, payload) => void send({ via: toTarget, envelope: mcpEnvelope(address, payload, { bridge }), id: undefined }),
    });
  }

  #handleClient(received: ReceivedEnvelope): Action | Promise<Action> {
    this.#catchUp.arrived();
    const { count, report, route } = this.#context;
    const { envelope } = received;
    const party = partyOf(received) ?? "";
    const { session, role, server, instance, event } = readMcpAddress(envelope);
    const { agent, maxMessageBytes } = route.settings;
    if (role !== "client" || (server ?? agent) !== agent || (instance ?? this.#instance) !== this.#instance) return IGNORED;
    if (session === this.#sessionId) return IGNORED;
    if (!this.#owners.claim(session, party))
      throw new BridgeError("sender_mismatch", "A party sent a message in another party's MCP session");
    if (event === "close") return this.#closeSession(session, party);
    const { message, error, reply } = tryReadMcpMessage(envelope.payload, maxMessageBytes);
    if (error !== undefined) {
      count("refused");
      report(error);
    }
    if (reply !== undefined) return { sends: [this.#toClient(session, reply, undefined)] };
    if (message?.kind !== "call") return error === undefined ? IGNORED : NO_ACTION;
    const { id } = message;
    if (id === undefined) return this.#handleNotification(session, message);
    return this.#handleRequest(received, session, { ...message, id });
  }

  #handleRequest(received: ReceivedEnvelope, session: string, request: McpRequest): Action | Promise<Action> {
    const { route } = this.#context;
    const { id, method } = request;
    const inbound = route.readInbound(received, route.source, route.target);
    if (inbound === undefined) return this.#handleLoop(session, request);
    const respond = (payload: Uint8Array): Action => ({ sends: [this.#toClient(session, payload, this.#answerId(inbound.key))] });
    if (method === "ping") return respond(resultBytes(id, {}));
    if (NOT_FORWARDED.test(method))
      return respond(errorBytes(id, JSON_RPC_ERRORS.methodNotFound, "Method not found: the clients of a bridge share one session"));
    const party = partyOf(received) ?? "";
    const bytes = received.envelope.payload.length;
    if (!this.#pending.hasCapacity(party, bytes))
      return respond(errorBytes(id, JSON_RPC_ERRORS.internal, "Too many requests wait for answers"));
    const pending: PendingRequest = {
      key: inbound.key,
      party,
      bytes,
      request: { key: inbound.key, session, id, ...progressTokenOf(request) },
      answersBefore: this.#answers,
      ended: deferred(),
      isSent: false,
    };
    // The rejection can be unhandled if the request is not being sent.
    pending.ended.promise.catch(() => {});
    this.#pending.add(pending);
    const cross = (): Action => (method === "initialize" ? this.#initialize(pending, request) : this.#forward(pending, request, inbound));
    return this.#session.isReady ? cross() : this.#whenReady(pending, cross);
  }

  /** Only `initialize` of a bridge in the opposite direction gets no answer: another server can answer it. */
  #handleLoop(session: string, { id, method }: McpRequest): Action {
    if (method === "initialize") return LOOPED;
    const payload = errorBytes(id, JSON_RPC_ERRORS.internal, "The request comes from the server's side of this bridge");
    return { sends: [this.#toClient(session, payload, undefined)], countAs: "looped" };
  }

  /** Waits for the server. A request that was answered in the meantime, by its timeout, is settled. */
  async #whenReady(pending: PendingRequest, cross: () => Action): Promise<Action> {
    await Promise.race([this.#session.ready(), pending.ended.promise.catch(() => {})]);
    if (!this.#pending.has(pending.key)) return { sends: [], until: pending.ended.promise };
    return cross();
  }

  /** The bridge answers `initialize` itself, with what the server offers. */
  #initialize({ key, request: { session } }: PendingRequest, { id, params }: McpRequest): Action {
    this.#end(key);
    const { capabilities, serverInfo, instructions } = this.#session.server;
    const offered = PASSED_ON.filter((name) => isJsonObject(capabilities[name])).map((name) => [name, {}] as const);
    const payload = resultBytes(id, {
      protocolVersion: negotiateVersion(params["protocolVersion"]),
      capabilities: Object.fromEntries(offered),
      serverInfo: serverInfo ?? { name: this.#context.route.settings.agent, version: "1.0.0" },
      ...(instructions !== undefined && { instructions }),
    });
    return { sends: [this.#toClient(session, payload, this.#answerId(key))] };
  }

  #forward(pending: PendingRequest, { method, params }: McpRequest, inbound: RoutedEnvelope): Action {
    const { route, toTarget } = this.#context;
    const { key, request } = pending;
    const { id } = request;
    let envelope: Envelope;
    try {
      const forwarded = { jsonrpc: "2.0", id: writeForwardedId(request), method, params: withProgressToken(params, request) };
      const payload = writeJson(forwarded, route.settings.maxMessageBytes);
      const metadata = { ...neutralMetadata(inbound.received.envelope), mcp: { ...this.#session.address }, bridge: route.traceOf(inbound) };
      envelope = translatedEnvelope(Protocol.MCP, { contentType: "application/json", payload, metadata });
    } catch (error) {
      this.#end(key);
      this.#context.report(BridgeError.ofMessage(error));
      return { sends: [this.#failureOf(request, "The request is too large for the other side.")] };
    }
    pending.isSent = true;
    const onRejected = (error: unknown): readonly OutboundEnvelope[] => {
      this.#end(key);
      return [this.#failureOf({ ...request, id }, `${describeSendFailure("The request", envelope.payload.length, error)}.`)];
    };
    return { sends: [{ via: toTarget, envelope, id: inbound.sendId, countAs: "forwarded", onRejected }], until: pending.ended.promise };
  }

  #handleNotification(session: string, { method, params }: JsonRpcCall): Action {
    if (method !== "notifications/cancelled") return IGNORED;
    const pending = this.#pending.find(({ request }) => request.session === session && request.id === params["requestId"]);
    return pending === undefined ? IGNORED : { sends: this.#cancel(pending, params["reason"]) };
  }

  #closeSession(session: string, party: string): Action {
    this.#owners.release(session, party);
    const open = this.#pending.all().filter(({ request }) => request.session === session);
    return { sends: open.flatMap((pending) => this.#cancel(pending, "The client has closed its session")) };
  }

  /** Drops a request, and cancels it at the server if it was sent. */
  #cancel({ key, request, isSent }: PendingRequest, reason: unknown): readonly OutboundEnvelope[] {
    this.#end(key);
    if (!isSent) return [];
    const { route, toTarget } = this.#context;
    const params = { requestId: writeForwardedId(request), ...(typeof reason === "string" && { reason: reason.slice(0, 512) }) };
    const envelope = mcpEnvelope(this.#session.address, notificationBytes("notifications/cancelled", params));
    return [{ via: toTarget, envelope, id: route.deriveId("cancel", key) }];
  }

  #handleServer(received: ReceivedEnvelope): Action {
    const { route, report, count } = this.#context;
    const { envelope } = received;
    const address = readMcpAddress(envelope);
    if (address.session !== this.#sessionId) return IGNORED;
    if (address.role !== "server") {
      throw new BridgeError(
        "sender_mismatch",
        "Another client uses the bridge's session. Bridges of the same channels need different names: set agent",
      );
    }
    const isClose = address.event === "close";
    const read: McpReadResult = isClose ? {} : tryReadMcpMessage(envelope.payload, route.settings.maxMessageBytes);
    const { message, error, reply } = read;
    if (!this.#session.checkSender(address, received, message)) return IGNORED;
    if (isClose) return this.#handleSessionEnd();
    if (error !== undefined) {
      count("refused");
      report(error);
    }
    if (message === undefined) return { sends: reply === undefined ? [] : [this.#toServer(reply)] };
    const request = readForwardedId(message.kind === "answer" ? message.id : progressTokenIn(message));
    if (message.kind === "answer" && request !== undefined) return this.#handleAnswer(received, message, request);
    if (message.kind === "call" && request !== undefined) return this.#handleProgress(received, message, request);
    const { isHandled, response } = this.#session.handle(message);
    if (!isHandled) return IGNORED;
    return response === undefined ? NO_ACTION : { sends: [this.#toServer(response)] };
  }

  /** Forwards an answer. Its request can be from before a restart: its id contains everything that is needed. */
  #handleAnswer(received: ReceivedEnvelope, { result, error }: JsonRpcAnswer, request: ForwardedRequest): Action {
    const { route } = this.#context;
    this.#answers += 1;
    this.#session.resetFailures();
    const inbound = route.readInbound(received, route.target, route.source);
    if (inbound === undefined) return LOOPED;
    const { key, session, id } = request;
    const pending = this.#pending.take(key);
    const answer = { jsonrpc: "2.0", id, ...(result === undefined ? { error: error ?? {} } : { result }) };
    const payload = utf8(JSON.stringify(answer));
    const { maxMessageBytes } = route.settings;
    const tooLarge = `The response is too large: ${payload.length} bytes, limit ${maxMessageBytes}`;
    const outbound =
      payload.length <= maxMessageBytes
        ? this.#toClient(session, payload, this.#answerId(key), route.traceOf(inbound))
        : this.#failureOf(request, tooLarge);
    const onRejected = (cause: unknown): readonly OutboundEnvelope[] => [
      this.#failureOf(request, describeSendFailure("The response", payload.length, cause)),
    ];
    return { sends: [{ ...outbound, onRejected }], beforeSettle: () => pending?.ended.resolve() };
  }

  /** Forwards a notification about the progress of a request that waits, with the client's token. */
  #handleProgress(received: ReceivedEnvelope, { method, params }: JsonRpcCall, { key, session, progressToken }: ForwardedRequest): Action {
    if (method !== "notifications/progress" || progressToken === undefined || !this.#pending.has(key)) return IGNORED;
    const { route } = this.#context;
    const inbound = route.readInbound(received, route.target, route.source);
    if (inbound === undefined) return LOOPED;
    const payload = notificationBytes(method, { ...params, progressToken });
    const { countAs: _countAs, ...outbound } = this.#toClient(session, payload, inbound.sendId, route.traceOf(inbound));
    return { sends: [outbound] };
  }

  /** The server was stopped, or does not know the session. Requests in flight may have run, so they are answered with an error, not repeated. */
  #handleSessionEnd(): Action {
    const sent = this.#pending.all().filter(({ isSent }) => isSent);
    for (const { key } of sent) this.#pending.take(key);
    this.#session.renew();
    this.#context.report(new BridgeError("session_ended", "The MCP server ended the session. The bridge opens a new one"));
    return {
      sends: sent.map(({ request }) => this.#failureOf(request, `The server was restarted. ${UNKNOWN_OUTCOME}`)),
      beforeSettle: () => sent.forEach(({ ended }) => ended.resolve()),
    };
  }

  async #handleTimeout({ request, ended, isSent, answersBefore }: PendingRequest): Promise<void> {
    // A server that answers others is there: only this request takes long.
    if (isSent && answersBefore === this.#answers) this.#session.renew();
    const problem = isSent ? `The server has not answered in time. ${UNKNOWN_OUTCOME}` : "No MCP server is connected.";
    await this.#context.send(this.#failureOf(request, problem));
    // If the bridge was stopped, the error may not have been sent. The request must then be delivered again to the next bridge.
    if (this.#context.signal.aborted) ended.reject(bridgeEnded());
    else ended.resolve();
  }

  /** A request has ended: its envelope can be settled. */
  #end(key: string): void {
    this.#pending.take(key)?.ended.resolve();
  }

  #failureOf({ key, session, id }: ForwardedRequest, problem: string): OutboundEnvelope {
    return this.#toClient(session, errorBytes(id, JSON_RPC_ERRORS.internal, problem), this.#answerId(key));
  }

  /** All answers to one request have the same id, so the port accepts only the first. */
  #answerId(key: string): string {
    return this.#context.route.deriveId("answer", key);
  }

  #toClient(session: string, payload: Uint8Array, id: string | undefined, bridge?: JsonObject): OutboundEnvelope {
    const address = { session, role: "server", server: this.#context.route.settings.agent, instance: this.#instance } as const;
    const envelope = mcpEnvelope(address, payload, bridge === undefined ? {} : { bridge });
    return { via: this.#context.toSource, envelope, id, countAs: "answered" };
  }

  #toServer(payload: Uint8Array): OutboundEnvelope {
    return { via: this.#context.toTarget, envelope: mcpEnvelope(this.#session.address, payload), id: undefined };
  }
}

function bridgeEnded(): BridgeError {
  return new BridgeError("port_ended", "The bridge has ended");
}

function progressTokenOf({ params }: McpRequest): Pick<ForwardedRequest, "progressToken"> {
  const meta = params["_meta"];
  const token = isJsonObject(meta) ? meta["progressToken"] : undefined;
  return typeof token === "string" || (typeof token === "number" && Number.isInteger(token)) ? { progressToken: token } : {};
}

function withProgressToken(params: JsonObject, request: ForwardedRequest): JsonObject {
  const meta = params["_meta"];
  if (request.progressToken === undefined || !isJsonObject(meta)) return params;
  return { ...params, _meta: { ...meta, progressToken: writeForwardedId(request) } };
}

function progressTokenIn(message: JsonRpcCall): unknown {
  return message.id === undefined ? message.params["progressToken"] : undefined;
}
