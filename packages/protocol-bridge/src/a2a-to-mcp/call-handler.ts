import { deferred } from "@parley/core/internal";
import type { ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { mcpEnvelope, partyOf, readCallEnvelope, type ClientCall, type ServiceParameters } from "@parley/envelope-and-adapters/internal";
import { problemAnswer, unsentCall, type Answers } from "./answer-writer.ts";
import { BridgeError } from "../bridge-error.ts";
import { utf8 } from "../internal/json.ts";
import { MOST_BYTES, PARTY_SHARE, Shares } from "../runtime/per-party-quota.ts";
import { writeCallReference } from "./call-reference.ts";
import { notificationBytes } from "../formats/mcp-message.ts";
import { toolQuestion, type Question } from "./tool-request.ts";
import type { ToolSession } from "./tool-session.ts";
import { NOTHING, type Dispatch, type Step } from "../runtime/pump.ts";
import type { Passage } from "../route.ts";
import type { Site } from "../bridge-context.ts";
import { addressOf, agentCard } from "./agent-card.ts";
import { CallTable, nameOfCall, type ServedCall } from "../a2a/call-table.ts";
import { failed, readA2aRequest, type A2aRequest, type Said } from "./a2a-request.ts";

/** Cancelled calls whose answers may still come. */
const MAX_CANCELLED = 1024;

/** The bridge as an A2A agent: answers the calls of official clients at its address, questions by calls of tools. */
export class CallDesk {
  readonly #site: Site;
  readonly #session: ToolSession;
  readonly #answers: Answers;
  readonly #address: string;
  readonly #calls: CallTable;
  readonly #cancelled = new Set<string>();
  /** Calls that wait for a server, unsettled. */
  readonly #unasked = new Shares({ calls: Number.POSITIVE_INFINITY, bytes: MOST_BYTES }, PARTY_SHARE);
  #isWaiting = false;

  constructor(site: Site, session: ToolSession, answers: Answers) {
    this.#site = site;
    this.#session = session;
    this.#answers = answers;
    const { agent, answerTimeoutMs } = site.route.settings;
    this.#address = addressOf(agent);
    this.#calls = new CallTable(answerTimeoutMs, (call) => this.#late(call));
  }

  /**
   * What is to be done about a call; `undefined` if the envelope belongs to none.
   *
   * @throws AdapterError `message_invalid`. @throws BridgeError `message_invalid`, `trace_invalid`, `too_many_hops`
   */
  take(received: ReceivedEnvelope): Step | Promise<Step> | undefined {
    const read = readCallEnvelope(received.envelope);
    if (read === undefined) return undefined;
    const { call, parameters } = read;
    const { route, count } = this.#site;
    if (call.role !== "client" || call.agent !== this.#address) {
      count("ignored");
      return NOTHING;
    }
    if (call.event === "cancel") return this.#cancel(nameOfCall(partyOf(received), call.call));
    const passage = route.enter(received, route.source, route.target);
    if (passage === undefined) {
      count("looped");
      return NOTHING;
    }
    return call.event === "card" ? this.#showCard(passage, call) : this.#answer(passage, call, parameters);
  }

  /** Notes that a question is answered. Gives whether anybody waits for the answer. */
  answered(key: string): boolean {
    this.#calls.take(key);
    return !this.#cancelled.delete(key);
  }

  /** The server is gone, and what it did about questions can't be known. Gives what their clients are told. */
  lost(problem: string): readonly Dispatch[] {
    const asked = this.#calls.all().filter(({ waiting }) => waiting === undefined);
    for (const { reference } of asked) this.#calls.take(reference.key);
    return asked.flatMap(({ reference }) => this.#answers.failure(reference, problem));
  }

  /** The bridge is over. */
  stop(): void {
    for (const { waiting } of this.#calls.clear()) waiting?.step.resolve(NOTHING);
  }

  #showCard({ key }: Passage, { call }: ClientCall): Step {
    const { agent, maxMessageBytes } = this.#site.route.settings;
    const [full, short] = [this.#session.tools, []].map((tools) => utf8(JSON.stringify(agentCard(agent, tools)))) as [
      Uint8Array,
      Uint8Array,
    ];
    const shortCard = this.#answers.reply(key, call, short);
    if (full.length > maxMessageBytes) return { dispatches: [shortCard] };
    return { dispatches: [{ ...this.#answers.reply(key, call, full), instead: () => [shortCard] }] };
  }

  #answer(passage: Passage, { call }: ClientCall, parameters: ServiceParameters): Step | Promise<Step> {
    const { settings } = this.#site.route;
    const { envelope } = passage.received;
    const party = partyOf(passage.received);
    const name = nameOfCall(party, call);
    if (this.#calls.find(name) !== undefined) throw new BridgeError("message_invalid", "A call has the id of another that is under way");
    const request = readA2aRequest(envelope.payload, parameters["A2A-Version"], settings.maxMessageBytes);
    const respond = (said: Said): Step => ({ dispatches: [this.#answers.response(passage.key, { call, request: request.id }, said)] });
    if ("said" in request) return respond(request.said);
    const bytes = envelope.payload.length;
    const refusal = this.#refusalOf(party, bytes);
    if (refusal !== undefined) return respond(refusal);
    const question = this.#question(passage, call, request);
    const served: ServedCall = { reference: question.reference, name, party, waiting: undefined };
    this.#calls.add(served);
    if (this.#session.isReady) return this.#ask(question);
    this.#unasked.add(party, bytes);
    const after = (): void => this.#unasked.remove(party, bytes);
    return this.#askLater(served, question).then((step) => ({ ...step, after }));
  }

  #refusalOf(party: string | undefined, bytes: number): Said | undefined {
    const isFull = this.#calls.size >= this.#site.route.settings.maxPending;
    const hasTooMany = party !== undefined && this.#calls.sizeOf(party) >= PARTY_SHARE.calls;
    const canWait = this.#session.isReady || this.#unasked.hasRoom(party, bytes);
    return isFull || hasTooMany || !canWait ? failed("internal", "Too many calls wait for answers.") : undefined;
  }

  #question(passage: Passage, call: string, { id, message: sent, streams }: Extract<A2aRequest, { streams: boolean }>): Question {
    const { key } = passage;
    const contextId = sent.contextId === "" ? this.#site.route.uuidOf("context", key) : sent.contextId;
    const message = { ...sent, contextId };
    const client = { call, request: id, streams };
    return { passage, message, reference: { key, contextId, messageId: message.messageId, taskId: "", client } };
  }

  #ask(question: Question): Step {
    const { reference, passage } = question;
    const way = { path: passage.trace.path };
    try {
      const asked = toolQuestion(this.#site, this.#session, question);
      if (!("problem" in asked))
        return { dispatches: [{ ...asked, instead: (error) => this.#unsent(question, unsentCall(asked, error)) }] };
      this.#calls.take(reference.key);
      return { dispatches: this.#answers.of(reference, problemAnswer(asked.problem), way) };
    } catch (error) {
      this.#calls.take(reference.key);
      this.#site.report(BridgeError.ofMessage(error));
      return { dispatches: this.#answers.failure(reference, "The message can't be made a call of a tool.", way) };
    }
  }

  #unsent({ reference, passage }: Question, problem: string): readonly Dispatch[] {
    this.#calls.take(reference.key);
    return this.#answers.failure(reference, problem, { path: passage.trace.path });
  }

  #askLater(call: ServedCall, question: Question): Promise<Step> {
    const step = deferred<Step>();
    call.waiting = { question, step };
    void this.#askWaiting();
    return step.promise;
  }

  async #askWaiting(): Promise<void> {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    await this.#session.ready();
    this.#isWaiting = false;
    for (const call of this.#calls.all()) {
      const { waiting } = call;
      call.waiting = undefined;
      waiting?.step.resolve(this.#ask(waiting.question));
    }
  }

  #late(call: ServedCall): void {
    const { waiting, reference } = call;
    if (waiting !== undefined) {
      waiting.step.resolve({ dispatches: this.#answers.failure(reference, "There is no server of tools at present.") });
      return;
    }
    this.#session.renew();
    const problem = "The tool has not answered in time. Whether the tool ran is not known.";
    for (const dispatch of this.#answers.failure(reference, problem)) void this.#site.post(dispatch);
  }

  /** Nobody waits for the answer any more; the server is told, if it was asked. */
  #cancel(name: string): Step {
    const call = this.#calls.find(name);
    if (call === undefined) {
      this.#site.count("ignored");
      return NOTHING;
    }
    const { reference, waiting } = call;
    this.#calls.take(reference.key);
    if (waiting !== undefined) {
      waiting.step.resolve(NOTHING);
      return NOTHING;
    }
    this.#noteCancelled(reference.key);
    const payload = notificationBytes("notifications/cancelled", { requestId: writeCallReference(reference) });
    const envelope = mcpEnvelope(this.#session.address, payload);
    return { dispatches: [{ outlet: this.#site.toTarget, envelope, id: this.#site.route.nameOf("cancel", reference.key) }] };
  }

  #noteCancelled(key: string): void {
    this.#cancelled.add(key);
    const [oldest] = this.#cancelled;
    if (oldest !== undefined && this.#cancelled.size > MAX_CANCELLED) this.#cancelled.delete(oldest);
  }
}
