import {
  decodePlaintext,
  encodePlaintext,
  isJsonObject,
  ParleyError,
  type JsonObject,
  type Message,
  type MessageInit,
  type TraceContext,
} from "@parley/core";
import { describeKind, rejectUnknownOptions } from "@parley/core/internal";
import {
  Envelope,
  PortError,
  Protocol,
  type EnvelopePort,
  type PortSendOptions,
  type ReceivedEnvelope,
  type ReceiveOptions,
} from "@parley/envelope-and-adapters";
import { checkEnvelope } from "@parley/envelope-and-adapters/internal";
import { BridgeError } from "../bridge-error.ts";
import { DeliveryQueue } from "./delivery-queue.ts";
import { digest, digestUuid } from "../internal/digest.ts";
import { utf8 } from "../internal/json.ts";
import { DIDCOMM_JSON, readDidcomm } from "../formats/didcomm-plaintext.ts";

const MAX_BYTES = 4_194_304;

/** Returned by handlers of `@parley/didcomm-agent` for messages that they don't handle. The same symbol in every copy of that package. */
const PASS: unique symbol = Symbol.for("@parley/didcomm-agent/pass");

/** A message as an agent passes it to a handler. */
export interface DidcommInbound extends Message {
  ack(this: void): void;
}

/** The part of an agent that {@link didcommPort} uses; the `Client` of `layr8` or `@parley/didcomm-agent` implements it. */
export interface DidcommClient {
  readonly did: string;
  send(message: MessageInit, options?: { readonly signal?: AbortSignal }): Promise<unknown>;
  handle(type: string, handler: (message: DidcommInbound) => Promise<undefined>, options: { readonly manualAck: boolean }): void;
  handleAll(handler: (message: DidcommInbound) => Promise<undefined>, options: { readonly manualAck: boolean }): void;
}

/** Options of {@link didcommPort}. */
export interface DidcommPortOptions {
  /** DIDs of the recipients. */
  readonly to: string | readonly string[];
  /** Message types to receive. Default: all types without another handler. */
  readonly types?: readonly string[];
  /** Selects the messages to receive; others are left to the agent's other handlers. Default: those of senders in `to`. */
  readonly accepts?: (sender: string | undefined, message: Message) => boolean;
}

/** A port that sends and receives DIDComm messages. */
export interface DidcommPort extends EnvelopePort, AsyncDisposable {
  /** Ends all subscriptions. The node redelivers messages that were not settled. Call it before the agent is closed. */
  close(): Promise<void>;
}

/** An envelope with the properties that only DIDComm has. */
interface ReceivedMessage extends ReceivedEnvelope {
  /** Whether the node's policy authorized the sender. */
  readonly authorized?: boolean;
}

/**
 * Creates a port for the conversation of a DIDComm agent with others: it receives their messages as envelopes with DIDComm plaintexts, and
 * sends each envelope to all of them. Call it before the agent connects, because it registers message handlers.
 *
 * The `sender` of a received envelope is the DID that the node has authenticated. A message is acknowledged to the node when its envelope is
 * settled; otherwise the node redelivers it. The message id of a send is derived from the send's id, so the recipient's node ignores repeated
 * sends (within 10 minutes). The port sets `from`, `to` and `id` of sent messages and ignores those of the envelope.
 *
 * @throws TypeError an argument or option is invalid
 * @throws what the agent throws if it has handlers for the same types already
 * @example
 * ```ts
 * import { didcommPort, ProtocolBridge } from "@parley/protocol-bridge";
 * import { Protocol, type EnvelopeChannels } from "@parley/envelope-and-adapters";
 * import { Client, logErrors } from "layr8";
 *
 * async function bridgeTo(manager: EnvelopeChannels): Promise<void> {
 *   const client = new Client({ agentDid: "did:web:localhost:bridge" }, logErrors());
 *   const port = didcommPort(client, { to: "did:web:localhost:alice" });
 *   await client.connect();
 *   const bridge = new ProtocolBridge(manager);
 *   await bridge.bridge({ name: "alice", port }, "org/a2a/team", Protocol.DIDCOMM, Protocol.A2A);
 *   await bridge.bridge("org/a2a/team", { name: "alice", port }, Protocol.A2A, Protocol.DIDCOMM);
 * }
 * ```
 */
export function didcommPort(client: DidcommClient, options: DidcommPortOptions): DidcommPort {
  return new ClientPort(client, options);
}

class ClientPort implements DidcommPort {
  readonly #client: DidcommClient;
  readonly #to: readonly string[];
  readonly #accepts: (sender: string | undefined, message: Message) => boolean;
  readonly #queue = new DeliveryQueue();
  #isClosed = false;

  constructor(client: DidcommClient, options: DidcommPortOptions) {
    const isClient = typeof (client as Partial<DidcommClient> | undefined)?.handleAll === "function";
    if (!isClient) throw new TypeError(`didcommPort needs a DIDComm client, such as layr8's Client, not ${describeKind(client)}`);
    if (typeof options !== "object") throw new TypeError(`didcommPort needs the options { to: "did:…" }, not ${describeKind(options)}`);
    rejectUnknownOptions(options, ["to", "types", "accepts"]);
    const { to, types, accepts } = options;
    const isList: boolean = Array.isArray(to);
    if (typeof to !== "string" && !isList) throw new TypeError(`Option "to" must be a DID or a list of DIDs, not ${describeKind(to)}`);
    this.#client = client;
    this.#to = typeof to === "string" ? [to] : [...to];
    if (this.#to.length === 0) throw new TypeError('Option "to" must name at least one DID');
    this.#accepts = accepts ?? ((sender) => sender !== undefined && this.#to.includes(sender));
    const handler = (message: DidcommInbound): Promise<undefined> => this.#handle(message);
    if (types === undefined) client.handleAll(handler, { manualAck: true });
    else for (const type of types) client.handle(type, handler, { manualAck: true });
  }

  async send(envelope: Envelope, { id, signal }: PortSendOptions = {}): Promise<void> {
    const { protocol, payload, metadata } = checkEnvelope(envelope);
    signal?.throwIfAborted();
    if (this.#isClosed) throw new PortError("closed", "The DIDComm port is closed");
    if (protocol !== Protocol.DIDCOMM)
      throw new BridgeError("untranslatable", `A DIDComm port sends DIDComm messages only, not ${protocol}`);
    const { from: _from, context: _context, ...message } = decodePlaintext(readDidcomm(payload, MAX_BYTES)).message;
    const bridge = metadata?.["bridge"];
    const outbound: MessageInit = {
      ...message,
      to: this.#to,
      id: id === undefined ? message.id : digestUuid("didcomm", this.#client.did, id),
      headers: { ...message.headers, ...(bridge !== undefined && { bridge }) },
    };
    try {
      await this.#client.send(outbound, signal === undefined ? {} : { signal });
    } catch (error) {
      if (!(error instanceof ParleyError) || error.code !== "client_closed") throw error;
      await this.close();
      throw new PortError("closed", "The agent is closed", { cause: error });
    }
  }

  receive(options?: ReceiveOptions): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    return this.#queue.receive(options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#queue.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Resolves when the message is settled, so that the agent recognizes it if the node redelivers it in the meantime. */
  async #handle(message: DidcommInbound): Promise<undefined> {
    if (!this.#accepts(message.from, message)) return PASS as unknown as undefined;
    if (this.#isClosed) return undefined;
    if ((await this.#queue.deliver(receivedOf(message))) === "settled") message.ack();
    return undefined;
  }
}

function receivedOf({ ack: _ack, context, ...message }: DidcommInbound): ReceivedMessage {
  const { bridge, ...plaintext } = encodePlaintext(message);
  const metadata: JsonObject = isJsonObject(bridge) ? { bridge } : {};
  return {
    envelope: envelopeOf(plaintext, metadata, message.traceContext),
    id: digest("didcomm", message.from ?? "", message.id),
    ...(message.from !== undefined && { sender: message.from }),
    ...(context?.authorized !== undefined && { authorized: context.authorized }),
  };
}

/** The `bridge` header becomes metadata. If it is invalid as metadata, it stays in the plaintext. */
function envelopeOf(plaintext: JsonObject, metadata: JsonObject, traceContext: TraceContext | undefined): Envelope {
  const headers: JsonObject = traceContext === undefined ? {} : { trace_context: { ...traceContext } };
  try {
    return new Envelope(Protocol.DIDCOMM, DIDCOMM_JSON, utf8(JSON.stringify(plaintext)), metadata, headers);
  } catch {
    return new Envelope(Protocol.DIDCOMM, DIDCOMM_JSON, utf8(JSON.stringify({ ...plaintext, ...metadata })), undefined, headers);
  }
}
