import { deferred, type Deferred } from "@parley/core/internal";
import type { ReceivedEnvelope } from "@parley/envelope-and-adapters";
import {
  a2aChannelInterface,
  mcpEnvelope,
  partyOf,
  readCallEnvelope,
  type ClientCall,
  type ServiceParameters,
} from "@parley/envelope-and-adapters/internal";
import type { BridgeContext } from "../bridge-context.ts";
import { BridgeError } from "../bridge-error.ts";
import { notificationBytes } from "../formats/mcp-message.ts";
import { sizeOf } from "../internal/json.ts";
import type { RoutedEnvelope } from "../route.ts";
import { IGNORED, LOOPED, NO_ACTION, type Action, type OutboundEnvelope } from "../runtime/action.ts";
import { PendingCalls, type PendingCall } from "../runtime/pending-calls.ts";
import { MAX_PER_PARTY, MAX_UNSETTLED_BYTES, PerPartyQuota } from "../runtime/per-party-quota.ts";
import { errorBody, readA2aRequest, type A2aToolRequest, type ResponseBody } from "./a2a-request.ts";
import { agentCard } from "./agent-card.ts";
import { problemAnswer, TOOL_CALL, type AnswerWriter } from "./answer-writer.ts";
import { writeCallReference, type CallReference } from "./call-reference.ts";
import { createToolCall, type ToolRequest } from "./tool-request.ts";
import type { ToolSession } from "./tool-session.ts";

/** Cancelled calls that are remembered, because the server can still answer them. */
const MAX_CANCELLED = 1024;

const TOO_MANY_CALLS = errorBody("internal", "Too many calls wait for answers.");

interface PendingClientCall extends PendingCall {
  readonly reference: CallReference;
  /** The client's id of the call, which is unique for its party only. */
  readonly call: string;
  /** Set while no server is connected. Cleared then, because the request can be large. */
  waiting: { readonly request: ToolRequest; readonly action: Deferred<Action> } | undefined;
}

/** Makes the bridge an A2A agent: answers calls of official clients to its address with the results of tools. */
export class CallHandler {
  readonly #context: BridgeContext;
  readonly #session: ToolSession;
  readonly #answers: AnswerWriter;
  readonly #address: string;
  readonly #pending: PendingCalls<PendingClientCall>;
  /** Keys of cancelled calls, oldest first. */
  readonly #cancelled = new Set<string>();
  /** Limits the calls that wait for a server, because their envelopes stay unsettled. */
  readonly #waitingQuota = new PerPartyQuota({ count: Number.POSITIVE_INFINITY, bytes: MAX_UNSETTLED_BYTES }, MAX_PER_PARTY);
  #isWaitingForServer = false;

  /** @param onTimeout called for a tool call that was not answered in time */
  constructor(context: BridgeContext, session: ToolSession, answers: AnswerWriter, onTimeout: (reference: CallReference) => void) {
    this.#context = context;
    this.#session = session;
    this.#answers = answers;
    const { agent, answerTimeoutMs, maxPending } = context.route.settings;
    this.#address = a2aChannelInterface(agent).url;
    this.#pending = new PendingCalls({
      timeoutMs: answerTimeoutMs,
      total: { count: maxPending, bytes: MAX_UNSETTLED_BYTES },
      perParty: MAX_PER_PARTY,
      onTimeout: ({ waiting, reference }) => {
        if (waiting === undefined) onTimeout(reference);
        else waiting.action.resolve({ sends: answers.failure(reference, "No MCP server is connected.") });
      },
    });
  }

  /**
   * Handles an envelope that belongs to a call. Returns `undefined` for all others.
   *
   * @throws AdapterError `message_invalid`
   * @throws BridgeError `message_invalid`, `trace_invalid`, `too_many_hops`
   */
  handle(received: ReceivedEnvelope): Action | Promise<Action> | undefined {
    const read = readCallEnvelope(received.envelope);
    if (read === undefined) return undefined;
    const { call, parameters } = read;
    const { route } = this.#context;
    if (call.role !== "client" || call.agent !== this.#address) return IGNORED;
    if (call.event === "cancel") return this.#cancel(this.#find(partyOf(received), call.call));
    const inbound = route.readInbound(received, route.source, route.target);
    if (inbound === undefined) return LOOPED;
    return call.event === "card" ? this.#sendCard(inbound, call) : this.#handleRequest(inbound, call, parameters);
  }

  /** Called when a tool has answered a call. Returns whether to forward the answer: not if the call was cancelled. */
  complete(key: string): boolean {
    this.#pending.take(key);
    return !this.#cancelled.delete(key);
  }

  /** Called when the server ended the session. Returns the errors for the clients of all calls in flight. */
  failAll(problem: string): readonly OutboundEnvelope[] {
    const sent = this.#pending.all().filter(({ waiting }) => waiting === undefined);
    for (const { key } of sent) this.#pending.take(key);
    return sent.flatMap(({ reference }) => this.#answers.failure(reference, problem));
  }

  /** Called when the bridge ends. */
  stop(): void {
    for (const { waiting } of this.#pending.clear()) waiting?.action.resolve(NO_ACTION);
  }

  #find(party: string | undefined, call: string): PendingClientCall | undefined {
    return this.#pending.find((each) => each.party === party && each.call === call);
  }

  /** Sends the card with all tools, or a generic one if that is too large. */
  #sendCard({ key }: RoutedEnvelope, { call }: ClientCall): Action {
    const { agent, maxMessageBytes } = this.#context.route.settings;
    const full = agentCard(agent, this.#session.tools);
    const generic = this.#answers.card(key, call, agentCard(agent, []));
    if (sizeOf(full) > maxMessageBytes) return { sends: [generic] };
    return { sends: [{ ...this.#answers.card(key, call, full), onRejected: () => [generic] }] };
  }

  #handleRequest(inbound: RoutedEnvelope, { call }: ClientCall, parameters: ServiceParameters): Action | Promise<Action> {
    const { envelope } = inbound.received;
    const party = partyOf(inbound.received);
    if (this.#find(party, call) !== undefined) throw new BridgeError("message_invalid", "A call has the id of another pending call");
    const read = readA2aRequest(envelope.payload, parameters["A2A-Version"], this.#context.route.settings.maxMessageBytes);
    const respond = (body: ResponseBody): Action => ({ sends: [this.#answers.response(inbound.key, { call, request: read.id }, body)] });
    if ("response" in read) return respond(read.response);
    if (!this.#pending.hasCapacity(party, 0)) return respond(TOO_MANY_CALLS);
    const request = this.#toolRequest(inbound, call, read);
    const { reference } = request;
    const pending: PendingClientCall = { key: reference.key, party, bytes: 0, reference, call, waiting: undefined };
    if (this.#session.isReady) {
      this.#pending.add(pending);
      return this.#callTool(request);
    }
    const release = this.#waitingQuota.tryAcquire(party, envelope.payload.length);
    if (release === undefined) return respond(TOO_MANY_CALLS);
    const action = deferred<Action>();
    pending.waiting = { request, action };
    this.#pending.add(pending);
    void this.#callWaiting();
    return action.promise.then((each) => ({ ...each, beforeSettle: release }));
  }

  #toolRequest(inbound: RoutedEnvelope, call: string, { id, message: sent, streams }: A2aToolRequest): ToolRequest {
    const { key } = inbound;
    const contextId = sent.contextId === "" ? this.#context.route.deriveUuid("context", key) : sent.contextId;
    const message = { ...sent, contextId };
    const client = { call, request: id, streams };
    return { inbound, message, reference: { key, contextId, messageId: message.messageId, taskId: "", client } };
  }

  #callTool(request: ToolRequest): Action {
    const { reference, inbound } = request;
    const trace = { path: inbound.trace.path };
    try {
      const result = createToolCall(this.#context, this.#session, request);
      if (!result.ok) {
        this.#pending.take(reference.key);
        return { sends: this.#answers.answer(reference, problemAnswer(result.rejection), trace) };
      }
      const onRejected = (error: unknown): readonly OutboundEnvelope[] => {
        this.#pending.take(reference.key);
        return this.#answers.sendFailure(reference, TOOL_CALL, result.outbound, error, trace);
      };
      return { sends: [{ ...result.outbound, onRejected }] };
    } catch (error) {
      this.#pending.take(reference.key);
      this.#context.report(BridgeError.ofMessage(error));
      return { sends: this.#answers.failure(reference, "The message can't be converted to a tool call.", trace) };
    }
  }

  /** Calls the tools for all waiting requests once a server is connected. */
  async #callWaiting(): Promise<void> {
    if (this.#isWaitingForServer) return;
    this.#isWaitingForServer = true;
    await this.#session.ready();
    this.#isWaitingForServer = false;
    for (const pending of this.#pending.all()) {
      const { waiting } = pending;
      pending.waiting = undefined;
      waiting?.action.resolve(this.#callTool(waiting.request));
    }
  }

  /** Drops a call, and cancels the tool call if it was sent. */
  #cancel(pending: PendingClientCall | undefined): Action {
    if (pending === undefined) return IGNORED;
    const { reference, waiting } = pending;
    this.#pending.take(reference.key);
    if (waiting !== undefined) {
      waiting.action.resolve(NO_ACTION);
      return NO_ACTION;
    }
    this.#rememberCancelled(reference.key);
    const payload = notificationBytes("notifications/cancelled", { requestId: writeCallReference(reference) });
    const envelope = mcpEnvelope(this.#session.address, payload);
    return { sends: [{ via: this.#context.toTarget, envelope, id: this.#context.route.deriveId("cancel", reference.key) }] };
  }

  #rememberCancelled(key: string): void {
    this.#cancelled.add(key);
    const [oldest] = this.#cancelled;
    if (oldest !== undefined && this.#cancelled.size > MAX_CANCELLED) this.#cancelled.delete(oldest);
  }
}
