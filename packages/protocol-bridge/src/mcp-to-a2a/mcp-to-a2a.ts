import { isJsonObject, type JsonObject } from "@parley/core";
import { deferred, sleep } from "@parley/core/internal";
import { Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { isPeer, mcpEnvelope, partyOf, readMcpAddress, unsendable, type McpAddress } from "@parley/envelope-and-adapters/internal";
import { isA2aCall, isAgents, readA2a } from "../formats/a2a-message.ts";
import { BridgeError } from "../bridge-error.ts";
import { writeJson } from "../internal/json.ts";
import { neutralMetadata } from "../translate/kept-form.ts";
import { errorBytes, JSON_RPC_ERRORS, resultBytes, tryReadMcpMessage, type JsonRpcCall } from "../formats/mcp-message.ts";
import { readSendMessage, SEND_MESSAGE, SEND_MESSAGE_TOOL, type SendMessage } from "./send-message-tool.ts";
import { SessionOwners } from "./session-owners.ts";
import { MCP_VERSION } from "../a2a-to-mcp/tool-session.ts";
import { PendingCalls, type PendingCall } from "../runtime/pending-calls.ts";
import { NOTHING, type Dispatch, type Step } from "../runtime/pump.ts";
import { a2aMetadata, envelopeOf, type Passage } from "../route.ts";
import type { Flows, Site } from "../bridge-context.ts";
import { resultOfParts } from "../translate/tool-result.ts";

/** Versions of MCP that a server of one tool can serve alike. */
const VERSIONS: ReadonlySet<unknown> = new Set(["2024-11-05", "2025-03-26", MCP_VERSION, "2025-11-25"]);

/** After this long without a call, those that wait from before a restart are known. At most so many times. */
const QUIET = { ms: 100, times: 20 };

/** The bridge as an MCP server with one tool, which asks the agents of an A2A channel. */
export class MessageServer implements Flows {
  readonly flows: Flows["flows"];
  readonly #site: Site;
  readonly #instance: string;
  readonly #owners = new SessionOwners();
  readonly #pending: PendingCalls;
  readonly #caughtUp = deferred<void>();
  #arrived = 0;

  constructor(site: Site) {
    this.#site = site;
    const { source, target, settings } = site.route;
    this.#instance = site.route.nameOf("server");
    this.#pending = new PendingCalls(settings.answerTimeoutMs, settings.maxPending, (call) => void this.#giveUp(call));
    this.flows = [
      { port: source.port, protocol: Protocol.MCP, handle: (received) => this.#serve(received) },
      // Answers may be here sooner than the calls that they answer, when both waited for a restart.
      { port: target.port, protocol: Protocol.A2A, ready: () => this.#caughtUp.promise, handle: (received) => this.#hear(received) },
    ];
  }

  start(): void {
    void this.#catchUp();
  }

  stop(): void {
    this.#caughtUp.resolve();
    for (const { done } of this.#pending.clear()) done.reject(new BridgeError("port_ended", "The bridge is over"));
  }

  async #catchUp(): Promise<void> {
    for (let time = 0, before = -1; time < QUIET.times && before !== this.#arrived; time++) {
      before = this.#arrived;
      await sleep(QUIET.ms, this.#site.signal);
    }
    this.#caughtUp.resolve();
  }

  #serve(received: ReceivedEnvelope): Step {
    this.#arrived += 1;
    const { envelope } = received;
    const party = partyOf(received) ?? "";
    const address = readMcpAddress(envelope);
    const { session, role, server, instance, event } = address;
    const isOurs = role === "client" && (server ?? this.#name) === this.#name && (instance ?? this.#instance) === this.#instance;
    if (!isOurs) return this.#ignore();
    if (!this.#owners.admits(session, party)) throw new BridgeError("sender_mismatch", "A party wrote in another's MCP session");
    if (event === "close") {
      this.#owners.release(session, party);
      return this.#ignore();
    }
    const { message, error, reply } = tryReadMcpMessage(envelope.payload, this.#site.route.settings.maxMessageBytes);
    if (error !== undefined) {
      this.#site.count("refused");
      this.#site.report(error);
    }
    if (reply !== undefined) return { dispatches: [this.#toClient(session, reply, undefined)] };
    if (message?.kind !== "call") return error === undefined ? this.#ignore() : NOTHING;
    const { id, method, params } = message;
    if (id === undefined) return this.#note(session, method, params);
    return method === "tools/call" ? this.#call(received, session, party, id, params) : this.#reply(received, address, { ...message, id });
  }

  get #name(): string {
    const { server, agent } = this.#site.route.settings;
    return server ?? agent;
  }

  #reply(
    received: ReceivedEnvelope,
    { session }: McpAddress,
    { id, method, params }: JsonRpcCall & { readonly id: string | number },
  ): Step {
    const answer = (): Uint8Array => {
      switch (method) {
        case "initialize": {
          const asked = params["protocolVersion"];
          const protocolVersion = VERSIONS.has(asked) ? (asked as string) : MCP_VERSION;
          return resultBytes(id, { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: this.#name, version: "1.0.0" } });
        }
        case "ping":
          return resultBytes(id, {});
        case "tools/list":
          return resultBytes(id, { tools: [SEND_MESSAGE_TOOL] });
        default:
          return errorBytes(id, JSON_RPC_ERRORS.methodNotFound, "This server has one tool and nothing else");
      }
    };
    const key = received.id === undefined ? undefined : this.#site.route.nameOf("reply", received.id);
    return { dispatches: [this.#toClient(session, answer(), key)] };
  }

  #call(received: ReceivedEnvelope, session: string, party: string, id: string | number, params: JsonObject): Step {
    const { route, toTarget, count } = this.#site;
    const { source, target } = route;
    const passage = route.enter(received, source, target);
    if (passage === undefined) count("looped");
    const { key } = passage ?? { key: route.nameOf("looped", session, String(id)) };
    const refuse = (problem: string): Step => ({ dispatches: [this.#toClient(session, failed(id, problem), route.nameOf("answer", key))] });
    if (passage === undefined) return refuse("The call has come from the agents' own side.");
    if (params["name"] !== SEND_MESSAGE) {
      const unknown = errorBytes(id, JSON_RPC_ERRORS.invalidParams, `There is one tool: ${SEND_MESSAGE}`);
      return { dispatches: [this.#toClient(session, unknown, route.nameOf("answer", key))] };
    }
    const bytes = received.envelope.payload.length;
    if (!this.#pending.hasRoom(party, bytes)) return refuse("Too many calls wait for answers.");
    let asked: SendMessage;
    try {
      asked = readSendMessage(params["arguments"]);
    } catch (error) {
      return refuse(BridgeError.ofMessage(error).reason);
    }
    const own = route.contextOf(target);
    if (own !== undefined && asked.contextId !== undefined && asked.contextId !== own)
      return refuse("This bridge leads to another context.");
    const contextId = own ?? asked.contextId ?? route.uuidOf("context", session);
    const messageId = route.uuidOf("message", key);
    const call: PendingCall = { key, session, party, id, contextId, messageId, bytes, done: deferred() };
    const envelope = this.#messageOf(call, asked.parts, passage);
    this.#pending.add(call);
    const instead = (error: unknown): readonly Dispatch[] => {
      this.#pending.take(call).done.resolve();
      const problem = `${unsendable("The message", envelope.payload.length, error)}.`;
      return [this.#toClient(session, failed(id, problem), route.nameOf("answer", key))];
    };
    return { dispatches: [{ outlet: toTarget, envelope, id: passage.sendId, counts: "forwarded", instead }], until: call.done.promise };
  }

  #messageOf({ contextId, messageId }: PendingCall, parts: readonly JsonObject[], passage: Passage) {
    const { route } = this.#site;
    const { agent, maxMessageBytes } = route.settings;
    const message = { messageId, contextId, role: "ROLE_USER", parts, metadata: { bridge: { origin: { ...passage.origin } } } };
    const metadata = { ...neutralMetadata(passage.received.envelope), ...a2aMetadata(agent), bridge: route.traceOf(passage) };
    return envelopeOf(Protocol.A2A, { contentType: "application/json", payload: writeJson(message, maxMessageBytes), metadata });
  }

  /** Notifications: a call that nobody waits for any more is done with. */
  #note(session: string, method: string, { requestId }: JsonObject): Step {
    const call = method === "notifications/cancelled" ? this.#pending.find(session, requestId) : undefined;
    if (call !== undefined) this.#pending.take(call).done.resolve();
    return this.#ignore();
  }

  #hear(received: ReceivedEnvelope): Step {
    const { route, count } = this.#site;
    const { source, target, settings } = route;
    if (isA2aCall(received.envelope) || !isPeer(settings, received)) return this.#ignore();
    const { message } = readA2a(received.envelope.payload, settings.maxMessageBytes);
    if (!isAgents(message)) return this.#ignore();
    const bridge = message.metadata?.["bridge"];
    const contextId = message.contextId === "" ? (route.contextOf(target) ?? "") : message.contextId;
    const passage = route.enter(received, target, source);
    if (passage === undefined) {
      count("looped");
      return NOTHING;
    }
    const call = this.#pending.takeAnswered(contextId, isJsonObject(bridge) ? bridge["replyTo"] : undefined);
    if (call === undefined) return this.#ignore();
    const result = resultOfParts(message);
    const about = { contextId, messageId: message.messageId };
    const meta = isJsonObject(result["_meta"]) ? result["_meta"] : {};
    const payload = resultBytes(call.id, { ...result, _meta: { ...meta, a2a: about } });
    const { maxMessageBytes } = settings;
    const tooLarge = `The response is too large: ${payload.length} bytes, limit ${maxMessageBytes}`;
    const said = payload.length <= maxMessageBytes ? payload : errorBytes(call.id, JSON_RPC_ERRORS.internal, tooLarge);
    const dispatch = this.#toClient(call.session, said, route.nameOf("answer", call.key), route.traceOf(passage));
    const instead = (error: unknown): readonly Dispatch[] => {
      const problem = unsendable("The response", payload.length, error);
      const failure = errorBytes(call.id, JSON_RPC_ERRORS.internal, problem);
      return [this.#toClient(call.session, failure, route.nameOf("answer", call.key))];
    };
    return { dispatches: [{ ...dispatch, instead }], after: () => call.done.resolve() };
  }

  async #giveUp({ id, key, session, done }: PendingCall): Promise<void> {
    await this.#site.post(this.#toClient(session, failed(id, "No agent has answered in time."), this.#site.route.nameOf("answer", key)));
    // A bridge that was stopped meanwhile may not have said so: the call comes again to the next.
    if (this.#site.signal.aborted) done.reject(new BridgeError("port_ended", "The bridge is over"));
    else done.resolve();
  }

  #toClient(session: string, payload: Uint8Array, id: string | undefined, bridge?: JsonObject): Dispatch {
    const address = { session, role: "server", server: this.#name, instance: this.#instance } as const;
    const envelope = mcpEnvelope(address, payload, bridge === undefined ? {} : { bridge });
    return { outlet: this.#site.toSource, envelope, id, counts: "answered" };
  }

  #ignore(): Step {
    this.#site.count("ignored");
    return NOTHING;
  }
}

function failed(id: string | number, problem: string): Uint8Array {
  return resultBytes(id, { content: [{ type: "text", text: problem }], isError: true });
}
