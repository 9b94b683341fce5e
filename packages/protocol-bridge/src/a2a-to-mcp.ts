import type { JsonObject } from "@parley/core";
import { Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { isA2aCall, isAgents, normalA2a, readA2a, type A2aMessageJson } from "./a2a-message.ts";
import { BridgeError } from "./errors.ts";
import { Deadlines } from "./internal/deadlines.ts";
import { writeJson } from "./internal/json.ts";
import { isKeepable, keptOf, neutralMetadata } from "./loss.ts";
import { mcpEnvelope, OWN_SESSION, readMcpAddress } from "./mcp/address.ts";
import { readCallReference, writeCallReference, type CallReference } from "./mcp/call-reference.ts";
import { readJsonRpc, requestBytes, type JsonRpcAnswer } from "./mcp/json-rpc.ts";
import { ToolSession } from "./mcp/tool-session.ts";
import { toolCallOf, type NoToolCall, type ToolCall } from "./mcp/tools.ts";
import { NOTHING, type Dispatch, type Step } from "./pump.ts";
import { a2aMetadata, envelopeOf, type Passage } from "./route.ts";
import type { Flows, Site } from "./site.ts";
import { writeTrace } from "./trace.ts";
import { partsOfResult, type ToolAnswer } from "./translations/a2a-mcp.ts";

const UNKNOWN_OUTCOME = "Whether the tool ran is not known.";

/** The bridge as a client of an MCP server: what A2A clients ask becomes calls of tools, results become answers on the same context. */
export class ToolCaller implements Flows {
  readonly flows: Flows["flows"];
  readonly #site: Site;
  readonly #sessionId: string;
  readonly #session: ToolSession;
  readonly #pending: Deadlines<CallReference>;
  /** Waits for fewer calls under way. */
  #roomFor: (() => void)[] = [];

  constructor(site: Site) {
    this.#site = site;
    const { source, target, settings } = site.route;
    this.#pending = new Deadlines(settings.answerTimeoutMs, (reference) => this.#giveUp(reference));
    // Two agents that bridge the same channels have different names, or else they would share a session.
    this.#sessionId = `${OWN_SESSION}${site.route.nameOf("session", settings.agent)}`;
    this.#session = new ToolSession({
      session: this.#sessionId,
      name: settings.agent,
      server: settings.server,
      peer: settings.peer,
      needsTools: typeof settings.tool !== "function",
      signal: site.signal,
      send: (address, payload) => void site.post({ outlet: site.toTarget, envelope: mcpEnvelope(address, payload), id: undefined }),
    });
    this.flows = [
      {
        port: source.port,
        protocol: Protocol.A2A,
        ready: () => this.#ready(),
        handle: (received) => this.#ask(received),
      },
      { port: target.port, protocol: Protocol.MCP, handle: (received) => this.#hear(received) },
    ];
  }

  start(): void {
    this.#session.open();
  }

  stop(): void {
    this.#pending.clear();
    this.#makeRoom();
  }

  async #ready(): Promise<void> {
    const { signal, route } = this.#site;
    while (!signal.aborted && this.#pending.size >= route.settings.maxPending) {
      await new Promise<void>((resolve) => this.#roomFor.push(resolve));
    }
    await this.#session.ready();
  }

  #ask(received: ReceivedEnvelope): Step {
    const { route, toTarget, count } = this.#site;
    const { source, target, settings } = route;
    if (isA2aCall(received.envelope)) return this.#ignore();
    const { message } = readA2a(received.envelope.payload, settings.maxMessageBytes);
    if (isAgents(message)) return this.#ignore();
    const passage = route.enter(received, source, target);
    if (passage === undefined) {
      count("looped");
      return NOTHING;
    }
    const { key } = passage;
    const reference = { key, contextId: message.contextId, messageId: message.messageId, taskId: message.taskId ?? "" };
    const call = this.#callFor(message);
    const payload = "problem" in call ? undefined : requestBytes(writeCallReference(reference), "tools/call", { ...call });
    if (payload === undefined || payload.length > settings.maxMessageBytes) {
      const problem = "problem" in call ? call.problem : "The arguments are too large.";
      return { dispatches: [this.#answer(reference, failure(problem), { path: passage.trace.path })] };
    }
    const isKept = isKeepable(message);
    const trace = route.traceOf(passage, {
      kept: keptOf(received.envelope, isKept ? message : undefined),
      lost: isKept ? [] : ["message"],
    });
    const metadata = { ...neutralMetadata(received.envelope), mcp: { ...this.#session.address }, bridge: trace };
    const envelope = envelopeOf(Protocol.MCP, { contentType: "application/json", payload, metadata });
    this.#pending.add(key, reference);
    const instead = (): Dispatch => {
      this.#done(reference);
      return this.#answer(reference, failure("The call can't be sent to the tool's server."), { path: passage.trace.path });
    };
    return { dispatches: [{ outlet: toTarget, envelope, id: passage.sendId, counts: "forwarded", instead }] };
  }

  #callFor(message: A2aMessageJson): ToolCall | NoToolCall {
    const { tool } = this.#site.route.settings;
    if (typeof tool !== "function") return toolCallOf(message, this.#session.tools, tool);
    return tool(message) ?? { problem: "This bridge knows no tool for the message." };
  }

  #hear(received: ReceivedEnvelope): Step {
    const { route, toTarget } = this.#site;
    const { envelope, sender } = received;
    const address = readMcpAddress(envelope.metadata);
    if (address.session !== this.#sessionId) return this.#ignore();
    if (address.role !== "server") {
      throw new BridgeError("sender_mismatch", "Another party writes in the bridge's session; bridges alike need different names (agent)");
    }
    const isClose = address.event === "close";
    const message = isClose ? undefined : readJsonRpc(envelope.payload, route.settings.maxMessageBytes);
    if (!this.#session.believes(address, sender, message)) return this.#ignore();
    if (message === undefined) return { dispatches: this.#sessionEnded() };
    const reference = message.kind === "answer" && typeof message.id === "string" ? readCallReference(message.id) : undefined;
    if (message.kind === "answer" && reference !== undefined) return this.#pass(received, message, reference);
    const said = this.#session.take(message);
    if (said === undefined) return this.#ignore();
    return { dispatches: [{ outlet: toTarget, envelope: mcpEnvelope(this.#session.address, said), id: undefined }] };
  }

  /** An answer to a call, be it of an earlier run of this bridge. */
  #pass(received: ReceivedEnvelope, answer: JsonRpcAnswer, reference: CallReference): Step {
    const { route, count } = this.#site;
    this.#session.thrive();
    this.#done(reference);
    const passage = route.enter(received, route.target, route.source);
    if (passage === undefined) {
      count("looped");
      return NOTHING;
    }
    const instead = (): Dispatch => this.#answer(reference, failure("The tool's result can't be sent."), passage);
    return { dispatches: [{ ...this.#answer(reference, answerOf(answer), passage), instead }] };
  }

  /** The server is gone, or does not know the session. What it did about calls under way can't be known, so they are not repeated. */
  #sessionEnded(): readonly Dispatch[] {
    const lost = this.#pending.clear();
    this.#makeRoom();
    this.#session.renew();
    this.#site.report(new BridgeError("session_ended", "The MCP server has ended the session; the bridge opens another"));
    return lost.map((reference) => this.#answer(reference, failure(`The tool's server was restarted. ${UNKNOWN_OUTCOME}`)));
  }

  #giveUp(reference: CallReference): void {
    this.#makeRoom();
    this.#session.renew();
    void this.#site.post(this.#answer(reference, failure(`The tool has not answered in time. ${UNKNOWN_OUTCOME}`)));
  }

  #answer(reference: CallReference, answer: ToolAnswer, passage?: Pick<Passage, "path"> & Partial<Passage>): Dispatch {
    const { route, toSource } = this.#site;
    const { agent, maxMessageBytes } = route.settings;
    const { key, contextId, messageId, taskId } = reference;
    const origin = passage?.origin;
    const compose = ({ parts, metadata }: ToolAnswer): JsonObject => ({
      messageId: route.uuidOf("answer", key),
      contextId,
      ...(taskId !== "" && { taskId }),
      role: "ROLE_AGENT",
      parts,
      metadata: { ...metadata, bridge: { replyTo: messageId, ...(origin !== undefined && { origin: { ...origin } }) } },
    });
    const payload = this.#fitting(compose, answer, maxMessageBytes);
    const trace = writeTrace({ path: passage?.path ?? [], claims: [], lost: [], ...(origin !== undefined && { origin }) });
    const metadata = { ...a2aMetadata(agent), bridge: trace };
    const envelope = envelopeOf(Protocol.A2A, { contentType: "application/json", payload, metadata });
    // One answer per message, whichever comes first: the tool's, or the error after a timeout.
    return { outlet: toSource, envelope, id: route.nameOf("answer", key), counts: "answered" };
  }

  #fitting(compose: (answer: ToolAnswer) => JsonObject, answer: ToolAnswer, maxBytes: number): Uint8Array {
    try {
      const message = compose(answer);
      normalA2a(message);
      return writeJson(message, maxBytes);
    } catch (error) {
      this.#site.report(BridgeError.ofMessage(error));
      return writeJson(compose(failure("The tool's result can't be put into a message.")), maxBytes);
    }
  }

  #done({ key }: CallReference): void {
    this.#pending.take(key);
    this.#makeRoom();
  }

  #makeRoom(): void {
    const resolvers = this.#roomFor;
    this.#roomFor = [];
    for (const resolve of resolvers) resolve();
  }

  #ignore(): Step {
    this.#site.count("ignored");
    return NOTHING;
  }
}

/** What a tool's answer says, errors included. */
function answerOf({ result, error }: JsonRpcAnswer): ToolAnswer {
  if (result === undefined) {
    const text = typeof error?.["message"] === "string" ? error["message"] : "The server gave no reason.";
    return { parts: [{ text: `The tool could not be called: ${text}` }], metadata: { mcp: { error: error ?? {} } } };
  }
  try {
    const answer = partsOfResult(result);
    return answer.parts.length > 0 ? answer : { ...answer, parts: [{ text: "" }] };
  } catch (thrown) {
    return failure(BridgeError.ofMessage(thrown).message);
  }
}

function failure(problem: string): ToolAnswer {
  return { parts: [{ text: problem }], metadata: { mcp: { isError: true } } };
}
