import { ParleyError, type JsonObject, type JsonValue, type Message, type MessageInit } from "@parley/core";
import { readTraceContext } from "@parley/core/internal";
import {
  PortError,
  Protocol,
  type Envelope,
  type PortSendOptions,
  type ReceivedEnvelope,
  type ReceiveOptions,
} from "@parley/envelope-and-adapters";
import { checkEnvelope, readMcpAddress, type McpAddress } from "@parley/envelope-and-adapters/internal";
import { BridgeError } from "../bridge-error.ts";
import type { DidcommInbound } from "../didcomm-port/didcomm-port.ts";
import { DeliveryQueue } from "../didcomm-port/delivery-queue.ts";
import { readMcpMessage, type JsonRpcAnswer, type JsonRpcCall } from "../formats/mcp-message.ts";
import { digestUuid } from "../internal/digest.ts";
import { readJsonObject } from "../internal/json.ts";
import { AgentMessages } from "./agent-messages.ts";
import type { McpDidcommClient, McpDidcommPort, McpDidcommSettings } from "./mcp-didcomm-client.ts";
import { resultType, typeOfMethod } from "./message-types.ts";
import type { ReceivedRequest } from "./received-request.ts";
import { withoutSessions } from "./response-body.ts";
import { wireId, type SentRequest } from "./sent-requests.ts";

const MAX_BYTES = 4_194_304;

/** The header of requests in clients of `@parley/didcomm-agent`. */
const EXPECTS_REPLY = { reply_expected: true };

type Headers = Readonly<Record<string, JsonValue>>;

/** A port over an agent: the sending half. {@link AgentMessages} is the receiving one. */
export class AgentPort implements McpDidcommPort {
  readonly #client: McpDidcommClient;
  readonly #settings: McpDidcommSettings;
  readonly #queue = new DeliveryQueue();
  readonly #messages: AgentMessages;
  #isClosed = false;

  constructor(client: McpDidcommClient, settings: McpDidcommSettings) {
    this.#client = client;
    this.#settings = settings;
    this.#messages = new AgentMessages(settings, this.#queue, {
      reply: (request, body, id) => this.#reply(request, body, id, {}),
      did: () => client.did,
    });
  }

  /** Handles a message of an agent. */
  async handle(message: DidcommInbound): Promise<MessageInit | undefined> {
    return this.#isClosed ? undefined : this.#messages.handle(message);
  }

  /** Whether a problem report is about a request that this port has sent. */
  isOurs(report: Message): boolean {
    return this.#messages.isOurs(report);
  }

  async send(envelope: Envelope, options: PortSendOptions = {}): Promise<void> {
    const { protocol, payload, metadata } = checkEnvelope(envelope);
    options.signal?.throwIfAborted();
    if (this.#isClosed) throw new PortError("closed", "The DIDComm port is closed");
    if (protocol !== Protocol.MCP) throw new BridgeError("untranslatable", `This port sends MCP messages only, not ${protocol}`);
    const address = readMcpAddress({ metadata });
    // MCP over DIDComm has no message for the end of a session.
    if (address.event === "close") return;
    const bridge = metadata?.["bridge"];
    const headers: Headers = bridge === undefined ? {} : { bridge };
    const message = readMcpMessage(payload, MAX_BYTES);
    const body = readJsonObject(payload, MAX_BYTES);
    if (message.kind === "answer") await this.#answer(address, message, body, headers, options);
    else await this.#call(address, message, body, headers, options);
  }

  receive(options?: ReceiveOptions): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    return this.#queue.receive(options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#queue.close();
    this.#messages.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #answer(address: McpAddress, { id }: JsonRpcAnswer, body: JsonObject, headers: Headers, options: PortSendOptions): Promise<void> {
    const request = typeof id === "string" ? this.#messages.find(id) : undefined;
    if (request?.session !== address.session)
      throw new BridgeError("untranslatable", "The response belongs to no request of this session that waits");
    await this.#reply(request, { ...body, id: request.id }, options.id, headers, options.signal);
    this.#messages.answered(request);
  }

  async #call(address: McpAddress, call: JsonRpcCall, body: JsonObject, headers: Headers, options: PortSendOptions): Promise<void> {
    const { session, role } = address;
    const { id, method } = call;
    const to = role === "client" ? this.#settings.server : this.#messages.sessions.didOf(session);
    if (to === undefined) {
      const reason = role === "client" ? 'The port has no server: set its option "server"' : "No agent has this session";
      throw new BridgeError("untranslatable", reason);
    }
    if (role === "client") this.#messages.useSession(address);
    const type = typeOfMethod(this.#settings.base, method);
    const traceContext = readTraceContext(call.params["_meta"]);
    const message: MessageInit = {
      type,
      to,
      id: this.#messageId(options.id),
      headers,
      body: this.#messages.withTheirIds(session, call, body),
      ...(traceContext !== undefined && { traceContext }),
    };
    if (id === undefined) return this.#send(message, options.signal);
    const sent: SentRequest = {
      to,
      session,
      id,
      method,
      answeredBy: role === "client" ? "server" : "client",
      server: address.server,
    };
    if (method === "initialize" && !this.#settings.initialize) {
      this.#messages.deliverAnswer(sent, withoutSessions(id, to.slice(0, 128)), to);
      return;
    }
    const thread = message.id ?? "";
    this.#messages.sent.add(thread, sent);
    try {
      await this.#send(
        { ...message, headers: { ...headers, ...EXPECTS_REPLY }, body: { ...body, id: wireId(session, id) } },
        options.signal,
      );
    } catch (error) {
      if (error instanceof ParleyError && !error.retryable) this.#messages.sent.delete(thread);
      throw error;
    }
  }

  #reply(request: ReceivedRequest, body: JsonObject, id: string | undefined, headers: Headers, signal?: AbortSignal): Promise<void> {
    const { from: to, thread: threadId, type } = request;
    return this.#send({ type: resultType(type), to, threadId, id: this.#messageId(id), headers, body }, signal);
  }

  /** The same for each attempt to send an envelope, so that the node recognizes a repetition. */
  #messageId(sendId: string | undefined): string {
    return sendId === undefined ? crypto.randomUUID() : digestUuid("mcp-didcomm", this.#client.did, sendId);
  }

  async #send(message: MessageInit, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#client.send(message, signal === undefined ? {} : { signal });
    } catch (error) {
      if (!(error instanceof ParleyError) || error.code !== "client_closed") throw error;
      await this.close();
      throw new PortError("closed", "The agent is closed", { cause: error });
    }
  }
}
