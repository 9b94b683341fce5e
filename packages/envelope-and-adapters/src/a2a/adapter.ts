import { isJsonObject, type JsonObject, type Telemetry } from "@parley/core";
import type { AgentExtension } from "@a2a-js/sdk";
import { checkJson, describeKind, rejectUnknownOptions } from "@parley/core/internal";
import { AdapterError } from "../adapter-error.ts";
import { Envelope } from "../envelope.ts";
import { checkAdapterOptions, checkChannels } from "../internal/arguments.ts";
import type { BufferLimits } from "../internal/bounded-queue.ts";
import { readJsonPayload, writeJsonPayload } from "../internal/json-payload.ts";
import { Mailbox, type TakeOptions } from "../internal/mailbox.ts";
import type { EnvelopeChannels, EnvelopePort, PortSendOptions, ReceivedEnvelope } from "../port.ts";
import { Protocol } from "../protocol.ts";
import { A2A_VERSION, encryptedContextsExtension } from "./extension.ts";
import { withJsonNames } from "./json-names.ts";
import { readMessage, writeMessage } from "./message.ts";
import { traceMessage, traceReceived } from "./trace-message.ts";
import { receivedPart, writeInput, type A2aPartInput, type ReceivedA2aPart } from "./part.ts";

/** Options of {@link A2aAdapter}. The buffer limits apply to each context; when full, the oldest message is dropped and reported. */
export interface A2aAdapterOptions extends BufferLimits {
  /** The id of this agent in its messages. */
  readonly agentId: string;
  /** First component of the channel names. Default `org`. */
  readonly org?: string;
  /** Bytes of one message, inbound and outbound. Default 4194304 (4 MiB). */
  readonly maxMessageBytes?: number;
  /**
   * Receives a span for each message that is sent or arrives, such as `otel()` of `@parley/otel`. Messages then carry the context of their span in
   * `metadata`, as `traceparent` and `tracestate`. Default: none.
   */
  readonly telemetry?: Telemetry;
  /** Called for malformed and dropped messages. Must not throw. */
  readonly onError?: (error: Error) => void;
}

/** Options of {@link A2aAdapter.sendMessage}. */
export interface A2aSendOptions extends PortSendOptions {
  /** `"user"` (the default) for requests, `"agent"` for answers. */
  readonly role?: ReceivedA2aMessage["role"] | undefined;
  readonly taskId?: string | null | undefined;
  readonly metadata?: JsonObject | null | undefined;
  /** URIs of the extensions that the message uses. */
  readonly extensions?: readonly string[] | null | undefined;
  readonly referenceTaskIds?: readonly string[] | null | undefined;
}

/** A message of a context in A2A's JSON form, and its sender. {@link readMessage} converts it to the official SDK's `Message`. */
export interface ReceivedA2aMessage {
  readonly messageId: string;
  readonly contextId: string;
  /** `"user"` for requests, `"agent"` for answers. */
  readonly role: "user" | "agent";
  /** In the form of the sender, such as `{ text: "Hello" }`. */
  readonly parts: readonly ReceivedA2aPart[];
  readonly taskId?: string;
  readonly metadata?: JsonObject;
  readonly extensions?: readonly string[];
  readonly referenceTaskIds?: readonly string[];
  /** The sender's name on the channel; see `ReceivedEnvelope`. */
  readonly sender?: string;
  /** The authenticated key of the sender. Absent on channels without keys. */
  readonly senderKey?: string;
  /** The agent id in the message. Unauthenticated. */
  readonly agentId?: string;
}

const SEND_OPTIONS = ["role", "taskId", "metadata", "extensions", "referenceTaskIds", "id", "signal"];

/** Indexed by the SDK's enum values. */
const ROLE_NAMES: readonly (ReceivedA2aMessage["role"] | undefined)[] = [undefined, "user", "agent"];

const KNOWN = ["agentId", "org", "maxMessageBytes", "maxBuffered", "maxBufferedBytes", "telemetry", "onError"];

/**
 * Maps A2A contexts to channels: the members of a channel exchange the messages of the context. The channel of a context is
 * `<org>/a2a/<context id>`.
 *
 * Reads messages of A2A 1.0, 0.3 and earlier, and writes 1.0. Received parts keep the form of the sender. For requests, streams and tasks with
 * the official client and request handler, see {@link A2aChannelTransportFactory} and {@link serveA2a}, which work on the same channels.
 *
 * @example
 * ```ts
 * import { A2aAdapter } from "@parley/envelope-and-adapters/a2a";
 * import { createMemoryChannels } from "@parley/envelope-and-adapters/memory";
 *
 * const [alice, bob] = createMemoryChannels(["alice", "bob"]);
 * await using ours = new A2aAdapter(alice, { agentId: "agent-1" });
 * await using theirs = new A2aAdapter(bob, { agentId: "agent-2" });
 * await ours.createContext("research");
 * await theirs.joinContext("research", new Uint8Array());
 * await ours.sendMessage("research", [{ type: "text", text: "Hello" }]);
 * const messages = await theirs.receiveMessages("research");
 * ```
 */
export class A2aAdapter implements AsyncDisposable {
  readonly #channels: EnvelopeChannels;
  readonly #options: A2aAdapterOptions;
  readonly #org: string;
  readonly #maxMessageBytes: number;
  readonly #contexts = new Map<string, { readonly port: EnvelopePort; readonly mailbox: Mailbox<ReceivedA2aMessage> }>();

  /**
   * @throws AdapterError `name_invalid`
   * @throws TypeError an argument or option is invalid
   */
  constructor(channels: EnvelopeChannels, options: A2aAdapterOptions) {
    this.#channels = checkChannels(channels);
    // JavaScript callers pass the agent id as a string, or nothing.
    const given: unknown = options ?? undefined;
    if (typeof given !== "object") throw new TypeError(`A2aAdapter needs the options { agentId: "agent-1" }, not ${describeKind(given)}`);
    checkAdapterOptions(options, KNOWN);
    this.#options = options;
    this.#org = checkName(options.org ?? "org", "organisation");
    this.#maxMessageBytes = options.maxMessageBytes ?? 4_194_304;
    checkName(options.agentId, "agent id");
  }

  /** Creates the channel of a context, and starts to buffer its messages. */
  async createContext(contextId: string): Promise<void> {
    this.#collect(contextId, await this.#channels.create(this.#channelOf(contextId)));
  }

  /** Joins the channel of a context with a Welcome, and starts to buffer its messages. */
  async joinContext(contextId: string, welcome: Uint8Array): Promise<void> {
    this.#collect(contextId, await this.#channels.join(this.#channelOf(contextId), welcome));
  }

  /** Starts to buffer the messages of a context that this agent is a member of, such as after a restart. */
  async openContext(contextId: string): Promise<void> {
    this.#collect(contextId, await this.#channels.open(this.#channelOf(contextId)));
  }

  /**
   * Sends a message to all other members of a context. Returns its id.
   *
   * @throws AdapterError `not_subscribed`, `message_invalid` (a part is malformed), `message_too_large`
   * @throws the error of the channel
   */
  async sendMessage(contextId: string, parts: readonly A2aPartInput[], options: A2aSendOptions = {}): Promise<string> {
    rejectUnknownOptions(options, SEND_OPTIONS);
    if (!Array.isArray(parts) || parts.length === 0) {
      throw new TypeError(`The parts of an A2A message must be a non-empty array, such as [{ text: "Hello" }], not ${listOrKind(parts)}`);
    }
    parts.forEach(checkPart);
    if (typeof options.metadata === "object" && options.metadata !== null) checkJson("An A2A message", "metadata", options.metadata);
    const { role = "user", taskId, metadata, extensions, referenceTaskIds, ...sending } = options;
    const { port } = this.#context(contextId);
    const messageId = crypto.randomUUID();
    const { telemetry } = this.#options;
    const message = { messageId, contextId, taskId, role, parts: parts.map(writeInput), extensions, referenceTaskIds };
    const send = async (carried: JsonObject | null | undefined): Promise<void> => {
      const payload = this.#write({ ...message, metadata: carried });
      const address = { "A2A-Version": A2A_VERSION, a2a: { agent: this.#options.agentId } };
      await port.send(new Envelope(Protocol.A2A, "application/json", payload, address), sending);
    };
    if (telemetry === undefined) await send(metadata);
    else await traceMessage(telemetry, { id: messageId, channel: this.#channelOf(contextId) }, metadata, send);
    return messageId;
  }

  /**
   * Returns the messages of a context that have arrived since the last call. Waits for one if necessary; returns an empty list after the timeout.
   *
   * @throws AdapterError `not_subscribed`; `closed` once all messages were received
   * @throws the error of the channel, once all messages were received
   */
  async receiveMessages(contextId: string, options: TakeOptions = {}): Promise<ReceivedA2aMessage[]> {
    return this.#context(contextId).mailbox.take(options);
  }

  /** The entry for `capabilities.extensions` of the agent's card. */
  agentCardExtension(): AgentExtension {
    return encryptedContextsExtension(this.#options.agentId, this.#org);
  }

  /** Stops receiving. The channels stay open. */
  async close(): Promise<void> {
    for (const { mailbox } of this.#contexts.values()) mailbox.close();
    this.#contexts.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #write(given: JsonObject): Uint8Array {
    const message = { ...writeMessage(readMessage(given)), parts: given["parts"] };
    return writeJsonPayload(message, this.#maxMessageBytes);
  }

  #channelOf(contextId: string): string {
    return `${this.#org}/a2a/${checkName(contextId, "context id")}`;
  }

  #context(contextId: string): { readonly port: EnvelopePort; readonly mailbox: Mailbox<ReceivedA2aMessage> } {
    const context = this.#contexts.get(contextId);
    if (context === undefined) {
      const remedy = "create, join or open it first (createContext, joinContext, openContext)";
      throw new AdapterError("not_subscribed", `The A2A context ${contextId} is not open in this adapter: ${remedy}`);
    }
    return context;
  }

  #collect(contextId: string, port: EnvelopePort): void {
    this.#contexts.get(contextId)?.mailbox.close();
    const { agentId: _agentId, org: _org, maxMessageBytes: _maxMessageBytes, telemetry: _telemetry, onError, ...limits } = this.#options;
    const read = (received: ReceivedEnvelope): ReceivedA2aMessage | undefined => this.#read(contextId, received);
    this.#contexts.set(contextId, { port, mailbox: new Mailbox(port, { ...limits, protocol: Protocol.A2A, read, onError }) });
  }

  #read(contextId: string, source: ReceivedEnvelope): ReceivedA2aMessage | undefined {
    const { envelope, sender, senderKey } = source;
    const address = envelope.metadata?.["a2a"];
    const agentId = isJsonObject(address) ? address["agent"] : undefined;
    // Belongs to a call of an official client.
    if (isJsonObject(address) && "call" in address) return undefined;
    const json = withJsonNames(readJsonPayload(envelope.payload, this.#maxMessageBytes));
    const message = readMessage(json);
    if (message.contextId !== "" && message.contextId !== contextId) {
      throw new AdapterError("message_invalid", `A message of the A2A context ${message.contextId} arrived on the channel of ${contextId}`);
    }
    const { messageId, taskId, role, metadata, extensions, referenceTaskIds } = message;
    const { telemetry } = this.#options;
    if (telemetry !== undefined) traceReceived(telemetry, { id: messageId, channel: this.#channelOf(contextId) }, metadata, source);
    return {
      messageId,
      contextId,
      role: ROLE_NAMES[role] ?? "user",
      parts: (json["parts"] as readonly JsonObject[]).map(receivedPart),
      ...(taskId !== "" && { taskId }),
      ...(metadata !== undefined && { metadata }),
      ...(extensions.length > 0 && { extensions }),
      ...(referenceTaskIds.length > 0 && { referenceTaskIds }),
      ...(sender === undefined ? {} : { sender }),
      ...(senderKey === undefined ? {} : { senderKey }),
      ...(typeof agentId === "string" ? { agentId } : {}),
    };
  }
}

function checkName(name: string, what: string): string {
  if (typeof name === "string" && /^[\w.-]{1,128}$/.test(name)) return name;
  throw new AdapterError(
    "name_invalid",
    `The ${what} must have 1 to 128 letters, digits, dots, underscores or hyphens: ${JSON.stringify(name) ?? "undefined"}`,
  );
}

function listOrKind(value: unknown): string {
  return Array.isArray(value) ? "an empty array" : describeKind(value);
}

/**
 * Checks that JSON can represent the data of a part, which readers of the part can't detect.
 *
 * @throws TypeError
 */
function checkPart(part: A2aPartInput, index: number): void {
  if (typeof part !== "object" || part === null) {
    throw new TypeError(`A part of an A2A message must be an object such as { text: "Hello" }, not ${describeKind(part)}`);
  }
  const data: unknown = "data" in part ? part.data : "content" in part && part.content?.$case === "data" && part.content.value;
  if (typeof data === "object" && data !== null) checkJson("An A2A message", `parts[${index}].data`, data);
}
