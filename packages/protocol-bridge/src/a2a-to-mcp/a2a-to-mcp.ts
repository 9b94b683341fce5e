import { Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { mcpEnvelope, partyOf, readMcpAddress, unsendable } from "@parley/envelope-and-adapters/internal";
import { CallDesk } from "./call-handler.ts";
import { isAgents, readA2a } from "../formats/a2a-message.ts";
import { Answers, problemAnswer, unsentCall } from "./answer-writer.ts";
import { BridgeError } from "../bridge-error.ts";
import { readCallReference, type CallReference } from "./call-reference.ts";
import { tryReadMcpMessage, type JsonRpcAnswer } from "../formats/mcp-message.ts";
import { OWN_SESSION } from "../formats/own-session.ts";
import { toolQuestion, type Question } from "./tool-request.ts";
import { ToolSession } from "./tool-session.ts";
import { NOTHING, type Dispatch, type Step } from "../runtime/pump.ts";
import { QuestionLine } from "./fair-queue.ts";
import type { Flows, Site } from "../bridge-context.ts";
import { partsOfResult, type ToolAnswer } from "../translate/tool-result.ts";

const UNKNOWN_OUTCOME = "Whether the tool ran is not known.";

/** The bridge as a client of an MCP server: what A2A agents ask becomes calls of tools, results become answers. */
export class ToolCaller implements Flows {
  readonly flows: Flows["flows"];
  readonly #site: Site;
  readonly #sessionId: string;
  readonly #session: ToolSession;
  readonly #answers: Answers;
  readonly #desk: CallDesk;
  /** Messages of contexts. */
  readonly #line: QuestionLine;

  constructor(site: Site) {
    this.#site = site;
    const { source, target, settings } = site.route;
    this.#line = new QuestionLine({
      maxPending: settings.maxPending,
      timeoutMs: settings.answerTimeoutMs,
      ready: () => this.#session.ready(),
      ask: (received) => this.#ask(received),
      refuse: (received) => this.#refuse(received),
      onLate: (reference) => this.#giveUp(reference),
    });
    // Two agents that bridge the same channels have different names, or else they would share a session.
    this.#sessionId = `${OWN_SESSION}${site.route.nameOf("session", settings.agent)}`;
    this.#session = new ToolSession({
      session: this.#sessionId,
      name: settings.agent,
      server: settings.server,
      peer: settings.peer,
      peerKey: settings.peerKey,
      needsTools: typeof settings.tool !== "function",
      signal: site.signal,
      onWaiting: () => {
        const which = settings.server === undefined ? "MCP server" : `MCP server named ${settings.server}`;
        site.report(new BridgeError("waiting", `No ${which} answers on ${target.name}: start one there. Messages wait for it`));
      },
      send: (address, payload) => void site.post({ outlet: site.toTarget, envelope: mcpEnvelope(address, payload), id: undefined }),
    });
    this.#answers = new Answers(site);
    this.#desk = new CallDesk(site, this.#session, this.#answers);
    this.flows = [
      {
        port: source.port,
        protocol: Protocol.A2A,
        outOfTurn: (received) => this.#desk.take(received),
        line: this.#line,
        handle: (received) => this.#ask(received),
      },
      { port: target.port, protocol: Protocol.MCP, handle: (received) => this.#hear(received) },
    ];
  }

  start(): void {
    this.#session.open();
  }

  stop(): void {
    this.#desk.stop();
    this.#line.stop();
  }

  #ask(received: ReceivedEnvelope): Step {
    const asked = this.#enter(received);
    if (asked === undefined) return NOTHING;
    const { reference, passage } = asked;
    const question = toolQuestion(this.#site, this.#session, asked);
    if ("problem" in question) return this.#problem(asked, question.problem);
    this.#line.asked(reference, partyOf(received));
    const instead = (error: unknown): readonly Dispatch[] => {
      this.#line.done(reference);
      return this.#answers.failure(reference, unsentCall(question, error), { path: passage.trace.path });
    };
    return { dispatches: [{ ...question, instead }] };
  }

  #refuse(received: ReceivedEnvelope): Step {
    const asked = this.#enter(received);
    return asked === undefined ? NOTHING : this.#problem(asked, "Too many of your messages wait for answers.");
  }

  #problem({ reference, passage }: Question, problem: string): Step {
    return { dispatches: this.#answers.of(reference, problemAnswer(problem), { path: passage.trace.path }) };
  }

  /** What a message of a context asks; `undefined`, and counted, if it asks nothing. */
  #enter(received: ReceivedEnvelope): Question | undefined {
    const { route, count } = this.#site;
    const { message } = readA2a(received.envelope.payload, route.settings.maxMessageBytes);
    if (isAgents(message)) {
      count("ignored");
      return undefined;
    }
    const passage = route.enter(received, route.source, route.target);
    if (passage === undefined) {
      count("looped");
      return undefined;
    }
    const { key } = passage;
    const { contextId, messageId, taskId = "" } = message;
    return { passage, message, reference: { key, contextId, messageId, taskId } };
  }

  #hear(received: ReceivedEnvelope): Step {
    const { route } = this.#site;
    const { envelope } = received;
    const address = readMcpAddress(envelope);
    if (address.session !== this.#sessionId) return this.#ignore();
    if (address.role !== "server") {
      throw new BridgeError("sender_mismatch", "Another party writes in the bridge's session; bridges alike need different names (agent)");
    }
    const isClose = address.event === "close";
    const read = isClose ? undefined : tryReadMcpMessage(envelope.payload, route.settings.maxMessageBytes);
    const message = read?.message;
    if (!this.#session.believes(address, received, message)) return this.#ignore();
    if (isClose) return { dispatches: this.#sessionEnded() };
    if (read?.error !== undefined) {
      this.#site.count("refused");
      this.#site.report(read.error);
    }
    if (message === undefined) return { dispatches: read?.reply === undefined ? [] : [this.#toServer(read.reply)] };
    const reference = message.kind === "answer" && typeof message.id === "string" ? readCallReference(message.id) : undefined;
    if (message.kind === "answer" && reference !== undefined) return this.#pass(received, message, reference);
    const said = this.#session.take(message);
    if (said === undefined) return this.#ignore();
    return { dispatches: [this.#toServer(said)] };
  }

  #toServer(payload: Uint8Array): Dispatch {
    return { outlet: this.#site.toTarget, envelope: mcpEnvelope(this.#session.address, payload), id: undefined };
  }

  /** An answer to a call, be it of an earlier run of this bridge. */
  #pass(received: ReceivedEnvelope, answer: JsonRpcAnswer, reference: CallReference): Step {
    const { route, count } = this.#site;
    this.#session.thrive();
    if (reference.client === undefined) this.#line.done(reference);
    else if (!this.#desk.answered(reference.key)) return this.#ignore();
    const passage = route.enter(received, route.target, route.source);
    if (passage === undefined) {
      count("looped");
      return NOTHING;
    }
    const size = received.envelope.payload.length;
    const instead = (error: unknown): readonly Dispatch[] =>
      this.#answers.failure(reference, `${unsendable("The tool's result", size, error)}.`, passage);
    return { dispatches: this.#answers.of(reference, answerOf(answer), passage).map((dispatch) => ({ ...dispatch, instead })) };
  }

  /** The server is gone, or does not know the session. What it did about calls under way can't be known, so they are not repeated. */
  #sessionEnded(): readonly Dispatch[] {
    const lost = this.#line.clear();
    this.#session.renew();
    this.#site.report(new BridgeError("session_ended", "The MCP server has ended the session; the bridge opens another"));
    const problem = `The tool's server was restarted. ${UNKNOWN_OUTCOME}`;
    return [...lost.flatMap((reference) => this.#answers.failure(reference, problem)), ...this.#desk.lost(problem)];
  }

  #giveUp(reference: CallReference): void {
    this.#session.renew();
    const problem = `The tool has not answered in time. ${UNKNOWN_OUTCOME}`;
    for (const dispatch of this.#answers.failure(reference, problem)) void this.#site.post(dispatch);
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
    return problemAnswer(BridgeError.ofMessage(thrown).reason);
  }
}
