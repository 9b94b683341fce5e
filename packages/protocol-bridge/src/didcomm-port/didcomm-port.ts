import { decodePlaintext, encodePlaintext, isJsonObject, ParleyError, type JsonObject, type Message, type MessageInit } from "@parley/core";
import { deferred, rejectUnknownOptions, type Deferred } from "@parley/core/internal";
import {
  Envelope,
  EnvelopeFanOut,
  PortError,
  Protocol,
  type EnvelopePort,
  type PortSendOptions,
  type ReceivedEnvelope,
  type ReceiveOptions,
} from "@parley/envelope-and-adapters";
import { checkEnvelope, kindOf } from "@parley/envelope-and-adapters/internal";
import { BridgeError } from "../bridge-error.ts";
import { digest, uuidOf } from "../internal/digest.ts";
import { utf8 } from "../internal/json.ts";
import { DIDCOMM_JSON, readDidcomm } from "../formats/didcomm-plaintext.ts";

const MAX_BYTES = 4_194_304;

/** What agents return from a handler for a message that is not theirs; the same symbol in every copy of `@parley/didcomm-agent`. */
const PASS: unique symbol = Symbol.for("@parley/didcomm-agent/pass");

/** A message as an agent's handler gets it. */
export interface DidcommInbound extends Message {
  ack(this: void): void;
}

/** What a {@link didcommPort} needs of an agent: the `Client` of `layr8` or `@parley/didcomm-agent` has it. */
export interface DidcommClient {
  readonly did: string;
  send(message: MessageInit, options?: { readonly signal?: AbortSignal }): Promise<unknown>;
  handle(type: string, handler: (message: DidcommInbound) => Promise<undefined>, options: { readonly manualAck: boolean }): void;
  handleAll(handler: (message: DidcommInbound) => Promise<undefined>, options: { readonly manualAck: boolean }): void;
}

/** Options of {@link didcommPort}. */
export interface DidcommPortOptions {
  /** DIDs that get what is sent. */
  readonly to: string | readonly string[];
  /** Message types to receive. Default: all that no other handler of the agent takes. */
  readonly types?: readonly string[];
  /** Whose messages are received; those of others are passed on. Default: those of `to`. */
  readonly accepts?: (sender: string | undefined, message: Message) => boolean;
}

/** A DIDComm agent's conversation with others, as a port. */
export interface DidcommPort extends EnvelopePort, AsyncDisposable {
  /** Ends all subscriptions. The node delivers again what was not settled. Close it before the agent. */
  close(): Promise<void>;
}

/** What a port says of a message besides what every port says. */
interface ReceivedMessage extends ReceivedEnvelope {
  /** Whether the node's policy authorized the sender. */
  readonly authorized?: boolean;
}

/**
 * Makes an agent's conversation with others a port: their messages come as envelopes of plaintexts, and envelopes go to all of them. Call it
 * before the agent connects.
 *
 * `sender` is the DID that the node has authenticated. A message is acknowledged to the node when its envelope is settled, and comes again
 * otherwise. A send with an id has the same message id each time, so that the recipient's node takes it once (within 10 minutes). What goes
 * out is from the agent: `from`, `to` and `id` of the plaintext are its own, whatever the envelope says.
 *
 * @throws TypeError nobody is named in `to`; what the agent throws where it has such handlers already.
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

interface Item {
  readonly place: number;
  readonly received: ReceivedMessage;
  /** Ends the agent's handler. */
  readonly done: Deferred<"settled" | "left">;
}

class ClientPort implements DidcommPort {
  readonly #client: DidcommClient;
  readonly #to: readonly string[];
  readonly #accepts: (sender: string | undefined, message: Message) => boolean;
  readonly #fanOut = new EnvelopeFanOut();
  /** What nobody has taken yet, or somebody has left; in order. Bounded by the handlers that the agent lets run. */
  #waiting: Item[] = [];
  readonly #items = new Set<Item>();
  #last = 0;
  #isPumping = false;
  #isClosed = false;

  constructor(client: DidcommClient, options: DidcommPortOptions) {
    const isClient = typeof (client as Partial<DidcommClient> | undefined)?.handleAll === "function";
    if (!isClient) throw new TypeError(`didcommPort needs a DIDComm client, such as layr8's Client, not ${kindOf(client)}`);
    if (typeof options !== "object") throw new TypeError(`didcommPort needs the options { to: "did:…" }, not ${kindOf(options)}`);
    rejectUnknownOptions(options, ["to", "types", "accepts"]);
    const { to, types, accepts } = options;
    const isList: boolean = Array.isArray(to);
    if (typeof to !== "string" && !isList) throw new TypeError(`Option "to" must be a DID or a list of DIDs, not ${kindOf(to)}`);
    this.#client = client;
    this.#to = typeof to === "string" ? [to] : [...to];
    if (this.#to.length === 0) throw new TypeError('Option "to" must name at least one DID to send to');
    this.#accepts = accepts ?? ((sender) => sender !== undefined && this.#to.includes(sender));
    const handler = (message: DidcommInbound): Promise<undefined> => this.#handle(message);
    if (types === undefined) client.handleAll(handler, { manualAck: true });
    else for (const type of types) client.handle(type, handler, { manualAck: true });
  }

  async send(envelope: Envelope, { id, signal }: PortSendOptions = {}): Promise<void> {
    const { protocol, payload, metadata } = checkEnvelope(envelope);
    signal?.throwIfAborted();
    if (this.#isClosed) throw new PortError("closed", "The DIDComm port is closed");
    if (protocol !== Protocol.DIDCOMM) throw new BridgeError("untranslatable", `A DIDComm port carries DIDComm, not ${protocol}`);
    const { from: _from, context: _context, ...message } = decodePlaintext(readDidcomm(payload, MAX_BYTES)).message;
    const bridge = metadata?.["bridge"];
    const outbound: MessageInit = {
      ...message,
      to: this.#to,
      id: id === undefined ? message.id : uuidOf("didcomm", this.#client.did, id),
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
    const subscription = this.#fanOut.receive(options);
    void this.#pump();
    return subscription;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#fanOut.close();
    for (const { done } of this.#items) done.resolve("left");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Lasts until the message is settled, so that the agent itself knows it again when the node delivers it once more. */
  async #handle(message: DidcommInbound): Promise<undefined> {
    if (!this.#accepts(message.from, message)) return PASS as unknown as undefined;
    if (this.#isClosed) return undefined;
    const item: Item = { place: ++this.#last, received: receivedOf(message), done: deferred() };
    this.#items.add(item);
    this.#waiting.push(item);
    void this.#pump();
    if ((await item.done.promise) === "settled") message.ack();
    this.#items.delete(item);
    return undefined;
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (let item = this.#next(); item !== undefined; item = this.#next()) await this.#deliver(item);
    this.#isPumping = false;
  }

  #next(): Item | undefined {
    const index = this.#waiting.findIndex(({ received }) => this.#fanOut.wants(received));
    return index === -1 ? undefined : this.#waiting.splice(index, 1)[0];
  }

  async #deliver(item: Item): Promise<void> {
    const takers = await this.#fanOut.deliver(item.received, {
      settled: () => item.done.resolve("settled"),
      left: () => this.#putBack(item),
    });
    if (takers === 0) this.#putBack(item);
  }

  #putBack(item: Item): void {
    const index = this.#waiting.findIndex(({ place }) => place > item.place);
    this.#waiting.splice(index === -1 ? this.#waiting.length : index, 0, item);
    void this.#pump();
  }
}

function receivedOf({ ack: _ack, context, ...message }: DidcommInbound): ReceivedMessage {
  const { bridge, ...plaintext } = encodePlaintext(message);
  const metadata: JsonObject = isJsonObject(bridge) ? { bridge } : {};
  return {
    envelope: envelopeOf(plaintext, metadata),
    id: digest("didcomm", message.from ?? "", message.id),
    ...(message.from !== undefined && { sender: message.from }),
    ...(context?.authorized !== undefined && { authorized: context.authorized }),
  };
}

/** What the sender says of bridges may be no metadata; then it counts as unsaid, but is not lost. */
function envelopeOf(plaintext: JsonObject, metadata: JsonObject): Envelope {
  try {
    return new Envelope(Protocol.DIDCOMM, DIDCOMM_JSON, utf8(JSON.stringify(plaintext)), metadata);
  } catch {
    return new Envelope(Protocol.DIDCOMM, DIDCOMM_JSON, utf8(JSON.stringify({ ...plaintext, ...metadata })));
  }
}
