import type { JsonObject } from "@parley/core";
import { Protocol, type Envelope } from "@parley/envelope-and-adapters";
import { callEnvelope, describeSendFailure, type ServerCall } from "@parley/envelope-and-adapters/internal";
import type { BridgeContext } from "../bridge-context.ts";
import { BridgeError } from "../bridge-error.ts";
import { normalizeA2a } from "../formats/a2a-message.ts";
import { utf8, writeJson } from "../internal/json.ts";
import type { RoutedEnvelope } from "../route.ts";
import type { OutboundEnvelope } from "../runtime/action.ts";
import { writeTrace } from "../trace/trace.ts";
import type { ToolAnswer } from "../translate/tool-result.ts";
import { a2aMetadata, translatedEnvelope } from "../translate/translated-envelope.ts";
import { errorBody, type ResponseBody } from "./a2a-request.ts";
import type { CallReference, ClientCallReference } from "./call-reference.ts";

/** The path of an answer, and its origin if it is from a tool. */
type AnswerTrace = Pick<RoutedEnvelope, "path"> & Partial<Pick<RoutedEnvelope, "origin">>;

/** The subject of {@link AnswerWriter.sendFailure} for tool calls. */
export const TOOL_CALL = "The call of the tool";

const NO_TRACE: AnswerTrace = { path: [] };

/**
 * Creates the answers to A2A agents: messages on the context of the request, or responses to calls of official clients. All answers to one
 * request have the same id, so the port accepts only the first: the tool's or an error.
 */
export class AnswerWriter {
  readonly #context: Pick<BridgeContext, "route" | "toSource" | "report">;

  constructor(context: Pick<BridgeContext, "route" | "toSource" | "report">) {
    this.#context = context;
  }

  /** The answer of a tool, or the reason why none was called. */
  answer(reference: CallReference, answer: ToolAnswer, trace: AnswerTrace = NO_TRACE): readonly OutboundEnvelope[] {
    const { key, client } = reference;
    if (client === undefined) return [this.#contextMessage(reference, answer, trace)];
    const payload = this.#serialize(
      (each) => this.#responseJson(client, { result: { message: this.#messageJson(reference, each, trace) } }),
      answer,
    );
    if (!client.streams) return [this.#callMessage(key, client.call, "reply", payload, trace)];
    return [
      this.#callMessage(key, client.call, "next", payload, trace),
      this.#callMessage(key, client.call, "end", new Uint8Array(), trace),
    ];
  }

  /** A failure between the bridge and the tool: an error response for official clients, otherwise a message. */
  failure(reference: CallReference, problem: string, trace?: AnswerTrace): readonly OutboundEnvelope[] {
    if (reference.client === undefined) return this.answer(reference, problemAnswer(problem), trace);
    return [this.response(reference.key, reference.client, errorBody("internal", problem), trace)];
  }

  /** The failure after a port rejected an envelope. `subject` names the envelope in the text. */
  sendFailure(
    reference: CallReference,
    subject: string,
    { envelope }: { readonly envelope: Envelope },
    error: unknown,
    trace: AnswerTrace,
  ): readonly OutboundEnvelope[] {
    return this.failure(reference, `${describeSendFailure(subject, envelope.payload.length, error)}.`, trace);
  }

  /** A JSON-RPC response to a call. */
  response(
    key: string,
    client: Pick<ClientCallReference, "call" | "request">,
    body: ResponseBody,
    trace: AnswerTrace = NO_TRACE,
  ): OutboundEnvelope {
    return this.#callMessage(key, client.call, "reply", utf8(JSON.stringify(this.#responseJson(client, body))), trace);
  }

  /** The response to a call for the agent card, which is not JSON-RPC. */
  card(key: string, call: string, card: JsonObject): OutboundEnvelope {
    return this.#callMessage(key, call, "reply", utf8(JSON.stringify(card)), NO_TRACE);
  }

  #contextMessage(reference: CallReference, answer: ToolAnswer, trace: AnswerTrace): OutboundEnvelope {
    const { route, toSource } = this.#context;
    const payload = this.#serialize((each) => this.#messageJson(reference, each, trace), answer);
    const metadata = { ...a2aMetadata(route.settings.agent), bridge: traceMetadata(trace) };
    const envelope = translatedEnvelope(Protocol.A2A, { contentType: "application/json", payload, metadata });
    return { via: toSource, envelope, id: route.deriveId("answer", reference.key), countAs: "answered" };
  }

  #callMessage(key: string, call: string, event: ServerCall["event"], payload: Uint8Array, trace: AnswerTrace): OutboundEnvelope {
    const { route, toSource } = this.#context;
    const isEnd = event === "end";
    const address: ServerCall = { call, role: "server", event, seq: isEnd ? 1 : 0 };
    const envelope = callEnvelope({ call: address, parameters: {} }, payload, { bridge: traceMetadata(trace) });
    return { via: toSource, envelope, id: route.deriveId(isEnd ? "end" : "answer", key), ...(!isEnd && { countAs: "answered" }) };
  }

  #responseJson({ request }: Pick<ClientCallReference, "request">, body: ResponseBody): JsonObject {
    return { jsonrpc: "2.0", id: request, ...body };
  }

  #messageJson(reference: CallReference, { parts, metadata }: ToolAnswer, { origin }: AnswerTrace): JsonObject {
    const { key, contextId, messageId, taskId } = reference;
    const message = {
      messageId: this.#context.route.deriveUuid("answer", key),
      contextId,
      ...(taskId !== "" && { taskId }),
      role: "ROLE_AGENT",
      parts,
      metadata: { ...metadata, bridge: { replyTo: messageId, ...(origin !== undefined && { origin: { ...origin } }) } },
    };
    // Throws if the parts of the tool's answer are not a valid A2A message.
    normalizeA2a(message);
    return message;
  }

  /** Writes an answer as JSON. If it is invalid or too large, reports that and writes a problem instead. */
  #serialize(toJson: (answer: ToolAnswer) => JsonObject, answer: ToolAnswer): Uint8Array {
    const { maxMessageBytes } = this.#context.route.settings;
    try {
      return writeJson(toJson(answer), maxMessageBytes);
    } catch (error) {
      this.#context.report(BridgeError.ofMessage(error));
      return utf8(JSON.stringify(toJson(problemAnswer("The tool's result can't be put into a message."))));
    }
  }
}

/** A problem in the form of a tool's error. */
export function problemAnswer(problem: string): ToolAnswer {
  return { parts: [{ text: problem }], metadata: { mcp: { isError: true } } };
}

function traceMetadata({ path, origin }: AnswerTrace): JsonObject {
  return writeTrace({ path, claims: [], lost: [], ...(origin !== undefined && { origin }) });
}
