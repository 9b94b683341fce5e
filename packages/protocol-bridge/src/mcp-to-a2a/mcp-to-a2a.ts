import { isJsonObject, type JsonObject } from "@parley/core";
import { deferred, type Deferred } from "@parley/core/internal";
import { Protocol, type Envelope, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { isPeer, mcpEnvelope, partyOf, readMcpAddress, describeSendFailure } from "@parley/envelope-and-adapters/internal";
import type { BridgeContext, Direction } from "../bridge-context.ts";
import { BridgeError } from "../bridge-error.ts";
import { isA2aCall, isFromAgent, readA2a } from "../formats/a2a-message.ts";
import { errorBytes, JSON_RPC_ERRORS, negotiateVersion, resultBytes, tryReadMcpMessage, type JsonRpcCall } from "../formats/mcp-message.ts";
import { writeJson } from "../internal/json.ts";
import type { RoutedEnvelope } from "../route.ts";
import { IGNORED, LOOPED, NO_ACTION, type Action, type OutboundEnvelope } from "../runtime/action.ts";
import { CatchUp } from "../runtime/catch-up.ts";
import { PendingCalls, type PendingCall } from "../runtime/pending-calls.ts";
import { MAX_PER_PARTY, MAX_UNSETTLED_BYTES } from "../runtime/per-party-quota.ts";
import { neutralMetadata } from "../translate/kept-form.ts";
import { toolResultOf } from "../translate/tool-result.ts";
import { a2aMetadata, translatedEnvelope } from "../translate/translated-envelope.ts";
import { readSendMessage, SEND_MESSAGE, SEND_MESSAGE_TOOL, type SendMessage } from "./send-message-tool.ts";
import { SessionOwners } from "../runtime/session-owners.ts";

/** A request of an MCP client. */
type McpRequest = JsonRpcCall & { readonly id: string | number };

interface PendingToolCall extends PendingCall {
  readonly session: string;
  /** The client's id of the call, which is unique in its session only. */
  readonly id: string | number;
  readonly contextId: string;
  /** Id of the A2A message that was sent for the call. */
  readonly messageId: string;
  /** Resolves when the call is answered, and rejects when the bridge ends before that. */
  readonly answered: Deferred<void>;
}

/** Makes the bridge an MCP server with one tool, which sends messages to the agents of an A2A channel and returns their answers. */
export class McpToA2a implements Direction {
  readonly consumers: Direction["consumers"];
  readonly #context: BridgeContext;
  readonly #instance: string;
  readonly #owners = new SessionOwners();
  readonly #pending: PendingCalls<PendingToolCall>;
  readonly #catchUp = new CatchUp();

  constructor(context: BridgeContext) {
    this.#context = context;
    const { source, target, settings } = context.route;
    this.#instance = context.route.deriveId("server");
    this.#pending = new PendingCalls({
      timeoutMs: settings.answerTimeoutMs,
      total: { count: settings.maxPending, bytes: MAX_UNSETTLED_BYTES },
      perParty: MAX_PER_PARTY,
      onTimeout: (call) => void this.#handleTimeout(call),
    });
    this.consumers = [
      { port: source.port, protocol: Protocol.MCP, handle: (received) => this.#handleMcp(received) },
      // After a restart, answers can be delivered before the calls that they belong to.
      {
        port: target.port,
        protocol: Protocol.A2A,
        ready: () => this.#catchUp.done,
        handle: (received) => this.#handleAnswer(received),
      },
    ];
  }

  start(): void {
    void this.#catchUp.start(this.#context.signal);
  }

  stop(): void {
    this.#catchUp.stop();
    for (const { answered } of this.#pending.clear()) answered.reject(bridgeEnded());
  }

  #handleMcp(received: ReceivedEnvelope): Action {
    this.#catchUp.arrived();
    const { count, report, route } = this.#context;
    const { envelope } = received;
    const party = partyOf(received) ?? "";
    const { session, role, server, instance, event } = readMcpAddress(envelope);
    const isOurs = role === "client" && (server ?? this.#name) === this.#name && (instance ?? this.#instance) === this.#instance;
    if (!isOurs) return IGNORED;
    if (!this.#owners.claim(session, party))
      throw new BridgeError("sender_mismatch", "A party sent a message in another party's MCP session");
    if (event === "close") {
      this.#owners.release(session, party);
      return IGNORED;
    }
    const { message, error, reply } = tryReadMcpMessage(envelope.payload, route.settings.maxMessageBytes);
    if (error !== undefined) {
      count("refused");
      report(error);
    }
    if (reply !== undefined) return { sends: [this.#toClient(session, reply, undefined)] };
    if (message?.kind !== "call") return error === undefined ? IGNORED : NO_ACTION;
    const { id } = message;
    if (id === undefined) return this.#handleNotification(session, message);
    const request = { ...message, id };
    return message.method === "tools/call"
      ? this.#handleToolCall(received, session, party, request)
      : this.#respond(received, session, request);
  }

  get #name(): string {
    const { server, agent } = this.#context.route.settings;
    return server ?? agent;
  }

  #respond({ id }: ReceivedEnvelope, session: string, request: McpRequest): Action {
    const key = id === undefined ? undefined : this.#context.route.deriveId("reply", id);
    return { sends: [this.#toClient(session, this.#responseTo(request), key)] };
  }

  #responseTo({ id, method, params }: McpRequest): Uint8Array {
    switch (method) {
      case "initialize": {
        const protocolVersion = negotiateVersion(params["protocolVersion"]);
        return resultBytes(id, { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: this.#name, version: "1.0.0" } });
      }
      case "ping":
        return resultBytes(id, {});
      case "tools/list":
        return resultBytes(id, { tools: [SEND_MESSAGE_TOOL] });
      default:
        return errorBytes(id, JSON_RPC_ERRORS.methodNotFound, "Method not found: this server has one tool and nothing else");
    }
  }

  #handleToolCall(received: ReceivedEnvelope, session: string, party: string, { id, params }: McpRequest): Action {
    const { route, toTarget } = this.#context;
    const { source, target } = route;
    const inbound = route.readInbound(received, source, target);
    const { key } = inbound ?? { key: route.deriveId("looped", session, String(id)) };
    const answer = (payload: Uint8Array): OutboundEnvelope => this.#toClient(session, payload, route.deriveId("answer", key));
    const reject = (problem: string): Action => ({ sends: [answer(toolErrorBytes(id, problem))] });
    if (inbound === undefined) return { ...reject("The call originates from the agents' side of this bridge."), countAs: "looped" };
    if (params["name"] !== SEND_MESSAGE) {
      return { sends: [answer(errorBytes(id, JSON_RPC_ERRORS.invalidParams, `Unknown tool. The only tool is ${SEND_MESSAGE}`))] };
    }
    const bytes = received.envelope.payload.length;
    if (!this.#pending.hasCapacity(party, bytes)) return reject("Too many calls wait for answers.");
    let message: SendMessage;
    try {
      message = readSendMessage(params["arguments"]);
    } catch (error) {
      return reject(BridgeError.ofMessage(error).reason);
    }
    const own = route.contextOf(target);
    if (own !== undefined && message.contextId !== undefined && message.contextId !== own) {
      return reject(`This bridge sends messages to the context ${own} only.`);
    }
    const contextId = own ?? message.contextId ?? route.deriveUuid("context", session);
    const messageId = route.deriveUuid("message", key);
    const call: PendingToolCall = { key, session, party, id, contextId, messageId, bytes, answered: deferred() };
    const envelope = this.#a2aEnvelope(call, message.parts, inbound);
    this.#pending.add(call);
    const onRejected = (error: unknown): readonly OutboundEnvelope[] => {
      this.#pending.take(key);
      call.answered.resolve();
      return [answer(toolErrorBytes(id, `${describeSendFailure("The message", envelope.payload.length, error)}.`))];
    };
    return { sends: [{ via: toTarget, envelope, id: inbound.sendId, countAs: "forwarded", onRejected }], until: call.answered.promise };
  }

  #a2aEnvelope({ contextId, messageId }: PendingToolCall, parts: readonly JsonObject[], inbound: RoutedEnvelope): Envelope {
    const { route } = this.#context;
    const { agent, maxMessageBytes } = route.settings;
    const message = { messageId, contextId, role: "ROLE_USER", parts, metadata: { bridge: { origin: { ...inbound.origin } } } };
    const metadata = { ...neutralMetadata(inbound.received.envelope), ...a2aMetadata(agent), bridge: route.traceOf(inbound) };
    return translatedEnvelope(Protocol.A2A, { contentType: "application/json", payload: writeJson(message, maxMessageBytes), metadata });
  }

  #handleNotification(session: string, { method, params }: JsonRpcCall): Action {
    if (method !== "notifications/cancelled") return IGNORED;
    const call = this.#pending.find((each) => each.session === session && each.id === params["requestId"]);
    if (call !== undefined) this.#pending.take(call.key);
    call?.answered.resolve();
    return IGNORED;
  }

  /** Handles a message on the A2A channel: if it answers a call, the answer is sent to the MCP client. */
  #handleAnswer(received: ReceivedEnvelope): Action {
    const { route } = this.#context;
    const { source, target, settings } = route;
    if (isA2aCall(received.envelope) || !isPeer(settings, received)) return IGNORED;
    const { message } = readA2a(received.envelope.payload, settings.maxMessageBytes);
    if (!isFromAgent(message)) return IGNORED;
    const bridge = message.metadata?.["bridge"];
    const contextId = message.contextId === "" ? (route.contextOf(target) ?? "") : message.contextId;
    const inbound = route.readInbound(received, target, source);
    if (inbound === undefined) return LOOPED;
    const call = this.#findCall(contextId, isJsonObject(bridge) ? bridge["replyTo"] : undefined);
    if (call === undefined) return IGNORED;
    this.#pending.take(call.key);
    const result = toolResultOf(message);
    const meta = isJsonObject(result["_meta"]) ? result["_meta"] : {};
    const payload = resultBytes(call.id, { ...result, _meta: { ...meta, a2a: { contextId, messageId: message.messageId } } });
    const { maxMessageBytes } = settings;
    const tooLarge = `The response is too large: ${payload.length} bytes, limit ${maxMessageBytes}`;
    const response = payload.length <= maxMessageBytes ? payload : errorBytes(call.id, JSON_RPC_ERRORS.internal, tooLarge);
    const id = route.deriveId("answer", call.key);
    const onRejected = (error: unknown): readonly OutboundEnvelope[] => {
      const failure = errorBytes(call.id, JSON_RPC_ERRORS.internal, describeSendFailure("The response", payload.length, error));
      return [this.#toClient(call.session, failure, id)];
    };
    const outbound = this.#toClient(call.session, response, id, route.traceOf(inbound));
    return { sends: [{ ...outbound, onRejected }], beforeSettle: () => call.answered.resolve() };
  }

  /** The call that an answer belongs to: the one that `replyTo` names, or else the oldest of the context. */
  #findCall(contextId: string, replyTo: unknown): PendingToolCall | undefined {
    return this.#pending.find((call) => call.contextId === contextId && (typeof replyTo !== "string" || call.messageId === replyTo));
  }

  async #handleTimeout({ id, key, session, answered }: PendingToolCall): Promise<void> {
    const payload = toolErrorBytes(id, "No agent has answered in time.");
    await this.#context.send(this.#toClient(session, payload, this.#context.route.deriveId("answer", key)));
    // If the bridge was stopped, the error may not have been sent. The call must then be delivered again to the next bridge.
    if (this.#context.signal.aborted) answered.reject(bridgeEnded());
    else answered.resolve();
  }

  #toClient(session: string, payload: Uint8Array, id: string | undefined, bridge?: JsonObject): OutboundEnvelope {
    const address = { session, role: "server", server: this.#name, instance: this.#instance } as const;
    const envelope = mcpEnvelope(address, payload, bridge === undefined ? {} : { bridge });
    return { via: this.#context.toSource, envelope, id, countAs: "answered" };
  }
}

function bridgeEnded(): BridgeError {
  return new BridgeError("port_ended", "The bridge has ended");
}

/** The result of a tool call that failed. */
function toolErrorBytes(id: string | number, problem: string): Uint8Array {
  return resultBytes(id, { content: [{ type: "text", text: problem }], isError: true });
}
