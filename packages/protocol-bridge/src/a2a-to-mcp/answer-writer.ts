import type { JsonObject } from "@parley/core";
import { Protocol } from "@parley/envelope-and-adapters";
import { callEnvelope, unsendable, type ServerCall } from "@parley/envelope-and-adapters/internal";
import { normalA2a } from "../formats/a2a-message.ts";
import { failed, type Said } from "./a2a-request.ts";
import { BridgeError } from "../bridge-error.ts";
import { utf8, writeJson } from "../internal/json.ts";
import type { CallOfClient, CallReference } from "./call-reference.ts";
import type { Dispatch } from "../runtime/pump.ts";
import { a2aMetadata, envelopeOf, type Passage } from "../route.ts";
import type { Site } from "../bridge-context.ts";
import { writeTrace } from "../trace/trace.ts";
import type { ToolAnswer } from "../translate/tool-result.ts";

/** What is answered where the channel of the tools refuses a call. */
export function unsentCall({ envelope }: Pick<Dispatch, "envelope">, error: unknown): string {
  return `${unsendable("The call of the tool", envelope.payload.length, error)}.`;
}

/** Where an answer has been, and where it is from. */
type Way = Pick<Passage, "path"> & Partial<Passage>;

/**
 * What is said to A2A agents: messages on the context of the question, or responses to the calls of clients. Each question gets one answer,
 * whichever comes first: the tool's, or an error.
 */
export class Answers {
  readonly #site: Pick<Site, "route" | "toSource" | "report">;

  constructor(site: Pick<Site, "route" | "toSource" | "report">) {
    this.#site = site;
  }

  /** What a tool has answered, or why none was asked. */
  of(reference: CallReference, answer: ToolAnswer, way: Way = { path: [] }): readonly Dispatch[] {
    const { key, client } = reference;
    if (client === undefined) return [this.#inContext(reference, answer, way)];
    const payload = this.#fitting((each) => this.#response(client, { result: { message: this.#message(reference, each, way) } }), answer);
    if (!client.streams) return [this.#toClient(key, client.call, "reply", payload, way)];
    return [this.#toClient(key, client.call, "next", payload, way), this.#toClient(key, client.call, "end", new Uint8Array(), way)];
  }

  /** What went wrong on the way to the tool or back: to clients an error, in contexts a message. */
  failure(reference: CallReference, problem: string, way?: Way): readonly Dispatch[] {
    if (reference.client === undefined) return this.of(reference, problemAnswer(problem), way);
    return [this.response(reference.key, reference.client, failed("internal", problem), way)];
  }

  /** The only answer to a call. */
  response(key: string, client: Pick<CallOfClient, "call" | "request">, said: Said, way?: Way): Dispatch {
    return this.reply(key, client.call, utf8(JSON.stringify(this.#response(client, said))), way);
  }

  /** The only answer to a call, which need not be JSON-RPC. */
  reply(key: string, call: string, payload: Uint8Array, way?: Way): Dispatch {
    return this.#toClient(key, call, "reply", payload, way);
  }

  #inContext(reference: CallReference, answer: ToolAnswer, way: Way): Dispatch {
    const { route, toSource } = this.#site;
    const payload = this.#fitting((each) => this.#message(reference, each, way), answer);
    const metadata = { ...a2aMetadata(route.settings.agent), bridge: traceOf(way) };
    const envelope = envelopeOf(Protocol.A2A, { contentType: "application/json", payload, metadata });
    return { outlet: toSource, envelope, id: route.nameOf("answer", reference.key), counts: "answered" };
  }

  #toClient(key: string, call: string, event: ServerCall["event"], payload: Uint8Array, way: Way = { path: [] }): Dispatch {
    const { route, toSource } = this.#site;
    const isEnd = event === "end";
    const address: ServerCall = { call, role: "server", event, seq: isEnd ? 1 : 0 };
    const envelope = callEnvelope({ call: address, parameters: {} }, payload, { bridge: traceOf(way) });
    return { outlet: toSource, envelope, id: route.nameOf(isEnd ? "end" : "answer", key), ...(!isEnd && { counts: "answered" }) };
  }

  #response({ request }: Pick<CallOfClient, "request">, said: Said): JsonObject {
    return { jsonrpc: "2.0", id: request, ...said };
  }

  #message(reference: CallReference, { parts, metadata }: ToolAnswer, { origin }: Way): JsonObject {
    const { key, contextId, messageId, taskId } = reference;
    const message = {
      messageId: this.#site.route.uuidOf("answer", key),
      contextId,
      ...(taskId !== "" && { taskId }),
      role: "ROLE_AGENT",
      parts,
      metadata: { ...metadata, bridge: { replyTo: messageId, ...(origin !== undefined && { origin: { ...origin } }) } },
    };
    normalA2a(message);
    return message;
  }

  #fitting(compose: (answer: ToolAnswer) => JsonObject, answer: ToolAnswer): Uint8Array {
    const { maxMessageBytes } = this.#site.route.settings;
    try {
      return writeJson(compose(answer), maxMessageBytes);
    } catch (error) {
      this.#site.report(BridgeError.ofMessage(error));
      return utf8(JSON.stringify(compose(problemAnswer("The tool's result can't be put into a message."))));
    }
  }
}

/** A problem as if a tool had told of it. */
export function problemAnswer(problem: string): ToolAnswer {
  return { parts: [{ text: problem }], metadata: { mcp: { isError: true } } };
}

function traceOf({ path, origin }: Way): JsonObject {
  return writeTrace({ path, claims: [], lost: [], ...(origin !== undefined && { origin }) });
}
