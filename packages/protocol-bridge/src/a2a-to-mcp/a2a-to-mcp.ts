import { Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { mcpEnvelope, partyOf, readMcpAddress } from "@parley/envelope-and-adapters/internal";
import type { BridgeContext, Direction } from "../bridge-context.ts";
import { BridgeError } from "../bridge-error.ts";
import type { BridgeTool } from "../bridge-tool.ts";
import { isFromAgent, readA2a } from "../formats/a2a-message.ts";
import { OWN_SESSION_PREFIX, tryReadMcpMessage, type JsonRpcAnswer, type McpReadResult } from "../formats/mcp-message.ts";
import { IGNORED, LOOPED, NO_ACTION, type Action, type OutboundEnvelope } from "../runtime/action.ts";
import { partsOfToolResult, type ToolAnswer } from "../translate/tool-result.ts";
import { AnswerWriter, problemAnswer, TOOL_CALL } from "./answer-writer.ts";
import { CallHandler } from "./call-handler.ts";
import { readCallReference, type CallReference } from "./call-reference.ts";
import { ToolCallQueue } from "./tool-call-queue.ts";
import { createToolCall, type ToolRequest } from "./tool-request.ts";
import { ToolSession } from "./tool-session.ts";

/** A message of an agent: a request, or the action for a message that is none. */
type ReadRequest = { readonly kind: "request"; readonly request: ToolRequest } | { readonly kind: "other"; readonly action: Action };

const UNKNOWN_OUTCOME = "It is unknown whether the tool ran.";

/** Makes the bridge a client of an MCP server: requests of A2A agents become tool calls, and the results become answers. */
export class A2aToMcp implements Direction {
  readonly consumers: Direction["consumers"];
  readonly #context: BridgeContext;
  readonly #sessionId: string;
  readonly #session: ToolSession;
  readonly #answers: AnswerWriter;
  /** For calls of official clients. */
  readonly #calls: CallHandler;
  /** For messages of agents that use `A2aAdapter`. */
  readonly #queue: ToolCallQueue;

  constructor(context: BridgeContext) {
    this.#context = context;
    const { source, target, settings } = context.route;
    this.#queue = new ToolCallQueue({
      maxPending: settings.maxPending,
      timeoutMs: settings.answerTimeoutMs,
      ready: () => this.#session.ready(),
      handle: (received) => this.#handleMessage(received),
      reject: (received) => this.#rejectMessage(received),
      onTimeout: (reference) => this.#handleTimeout(reference),
    });
    // The agent's name is part of the id, so that two agents that bridge the same channels don't share a session.
    this.#sessionId = `${OWN_SESSION_PREFIX}${context.route.deriveId("session", settings.agent)}`;
    this.#session = new ToolSession({
      session: this.#sessionId,
      name: settings.agent,
      server: settings.server,
      peer: settings.peer,
      peerKey: settings.peerKey,
      needsTools: typeof settings.tool !== "function",
      signal: context.signal,
      onWaiting: () => {
        const which = settings.server === undefined ? "MCP server" : `MCP server named ${settings.server}`;
        context.report(new BridgeError("waiting", `No ${which} answers on ${target.name}: start one there. Messages wait for it`));
      },
      send: (address, payload) => void context.send({ via: context.toTarget, envelope: mcpEnvelope(address, payload), id: undefined }),
    });
    this.#answers = new AnswerWriter(context);
    this.#calls = new CallHandler(context, this.#session, this.#answers, (reference) => this.#handleTimeout(reference));
    this.consumers = [
      {
        port: source.port,
        protocol: Protocol.A2A,
        handleUnordered: (received) => this.#calls.handle(received),
        queue: this.#queue,
        handle: (received) => this.#handleMessage(received),
      },
      { port: target.port, protocol: Protocol.MCP, handle: (received) => this.#handleMcp(received) },
    ];
  }

  get tools(): readonly BridgeTool[] {
    return this.#session.tools;
  }

  start(): void {
    this.#session.open();
  }

  stop(): void {
    this.#calls.stop();
    this.#queue.stop();
  }

  #handleMessage(received: ReceivedEnvelope): Action {
    const read = this.#readRequest(received);
    if (read.kind === "other") return read.action;
    const { request } = read;
    const { reference, inbound } = request;
    const result = createToolCall(this.#context, this.#session, request);
    if (!result.ok) return this.#rejectRequest(request, result.rejection);
    this.#queue.start(reference, partyOf(received));
    const onRejected = (error: unknown): readonly OutboundEnvelope[] => {
      this.#queue.complete(reference);
      return this.#answers.sendFailure(reference, TOOL_CALL, result.outbound, error, { path: inbound.trace.path });
    };
    return { sends: [{ ...result.outbound, onRejected }] };
  }

  #rejectMessage(received: ReceivedEnvelope): Action {
    const read = this.#readRequest(received);
    return read.kind === "other" ? read.action : this.#rejectRequest(read.request, "Too many of your messages wait for answers.");
  }

  #rejectRequest({ reference, inbound }: ToolRequest, rejection: string): Action {
    return { sends: this.#answers.answer(reference, problemAnswer(rejection), { path: inbound.trace.path }) };
  }

  /** Reads a request to the bridge. */
  #readRequest(received: ReceivedEnvelope): ReadRequest {
    const { route } = this.#context;
    const { message } = readA2a(received.envelope.payload, route.settings.maxMessageBytes);
    if (isFromAgent(message)) return { kind: "other", action: IGNORED };
    const inbound = route.readInbound(received, route.source, route.target);
    if (inbound === undefined) return { kind: "other", action: LOOPED };
    const { key } = inbound;
    const { contextId, messageId, taskId = "" } = message;
    return { kind: "request", request: { inbound, message, reference: { key, contextId, messageId, taskId } } };
  }

  #handleMcp(received: ReceivedEnvelope): Action {
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
    if (isClose) return { sends: this.#handleSessionEnd() };
    if (error !== undefined) {
      count("refused");
      report(error);
    }
    if (message === undefined) return { sends: reply === undefined ? [] : [this.#toServer(reply)] };
    const reference = message.kind === "answer" && typeof message.id === "string" ? readCallReference(message.id) : undefined;
    if (message.kind === "answer" && reference !== undefined) return this.#handleAnswer(received, message, reference);
    const { isHandled, response } = this.#session.handle(message);
    if (!isHandled) return IGNORED;
    return response === undefined ? NO_ACTION : { sends: [this.#toServer(response)] };
  }

  #toServer(payload: Uint8Array): OutboundEnvelope {
    return { via: this.#context.toTarget, envelope: mcpEnvelope(this.#session.address, payload), id: undefined };
  }

  /** Forwards the answer to a tool call. The call can be from before a restart: its id contains everything that is needed. */
  #handleAnswer(received: ReceivedEnvelope, answer: JsonRpcAnswer, reference: CallReference): Action {
    const { route } = this.#context;
    this.#session.resetFailures();
    if (reference.client === undefined) this.#queue.complete(reference);
    else if (!this.#calls.complete(reference.key)) return IGNORED;
    const inbound = route.readInbound(received, route.target, route.source);
    if (inbound === undefined) return LOOPED;
    const onRejected = (error: unknown): readonly OutboundEnvelope[] =>
      this.#answers.sendFailure(reference, "The tool's result", received, error, inbound);
    return { sends: this.#answers.answer(reference, toolAnswerOf(answer), inbound).map((outbound) => ({ ...outbound, onRejected })) };
  }

  /** The server was stopped, or does not know the session. Calls in flight may have run, so they are answered with an error, not repeated. */
  #handleSessionEnd(): readonly OutboundEnvelope[] {
    const failed = this.#queue.clear();
    this.#session.renew();
    this.#context.report(new BridgeError("session_ended", "The MCP server ended the session. The bridge opens a new one"));
    const problem = `The tool's server was restarted. ${UNKNOWN_OUTCOME}`;
    return [...failed.flatMap((reference) => this.#answers.failure(reference, problem)), ...this.#calls.failAll(problem)];
  }

  #handleTimeout(reference: CallReference): void {
    this.#session.renew();
    const problem = `The tool has not answered in time. ${UNKNOWN_OUTCOME}`;
    for (const outbound of this.#answers.failure(reference, problem)) void this.#context.send(outbound);
  }
}

/** The answer of a tool, or its error. */
function toolAnswerOf({ result, error }: JsonRpcAnswer): ToolAnswer {
  if (result === undefined) {
    const text = typeof error?.["message"] === "string" ? error["message"] : "The server gave no reason.";
    return { parts: [{ text: `The tool could not be called: ${text}` }], metadata: { mcp: { error: error ?? {} } } };
  }
  try {
    const answer = partsOfToolResult(result);
    return answer.parts.length > 0 ? answer : { ...answer, parts: [{ text: "" }] };
  } catch (thrown) {
    return problemAnswer(BridgeError.ofMessage(thrown).reason);
  }
}
