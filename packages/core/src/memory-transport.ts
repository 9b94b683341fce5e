import "./supported-node.ts";
import type { JsonObject } from "./json.ts";
import { isJsonObject } from "./json.ts";
import { AsyncQueue } from "./internal/async-queue.ts";
import type { ConnectOptions, Connection, Delivery, Outcome, SendOptions, SendReceipt, Transport } from "./transport.ts";
import { RejectedError, NodeTransportError } from "./node-transport-error.ts";

/** How the two ends of a {@link MemoryLink} behave. */
export interface MemoryLinkOptions {
  /** When deliveries are to be acknowledged, as a node of that generation expects it. Default `"outcome"`. */
  readonly acknowledge?: Delivery["acknowledge"];
}

/** Two connected transports: each delivers what the other one sends. */
export interface MemoryLink {
  readonly left: Transport;
  readonly right: Transport;
  /** Breaks the link: both ends report a disconnect, and sending fails until {@link MemoryLink.restore}. */
  cut(): void;
  /** Restores the link. Unsettled deliveries are delivered again, in order. */
  restore(): void;
}

/**
 * Connects two transports in memory, with the semantics of a node between them: a send resolves when the message has been
 * delivered to the other end, is rejected while no agent is connected there, and unsettled messages are redelivered after a cut.
 * Plaintexts are passed as JSON text, so that the two ends share no objects.
 *
 * @example
 * ```ts
 * import { createMemoryLink } from "@parley/core/memory";
 *
 * const link = createMemoryLink();
 * const events = { onDisconnect() {}, onReconnect() {}, onFault() {} };
 * const alice = await link.left.connect({ did: "did:example:alice", protocols: [], events });
 * const bob = await link.right.connect({ did: "did:example:bob", protocols: ["*"], events });
 * await alice.send({ id: "1", type: "https://didcomm.org/basicmessage/2.0/message", to: [bob.did] });
 * ```
 */
export function createMemoryLink(options: MemoryLinkOptions = {}): MemoryLink {
  const acknowledge = options.acknowledge ?? "outcome";
  const left = new MemoryTransport(acknowledge);
  const right = new MemoryTransport(acknowledge);
  left.peer = right;
  right.peer = left;
  const setUp = (up: boolean) => {
    for (const end of [left, right]) end.setUp(up);
  };
  return { left, right, cut: () => setUp(false), restore: () => setUp(true) };
}

class MemoryTransport implements Transport {
  peer: MemoryTransport | undefined;
  connection: MemoryConnection | undefined;
  up = true;
  readonly #acknowledge: Delivery["acknowledge"];
  #assigned = 0;

  constructor(acknowledge: Delivery["acknowledge"]) {
    this.#acknowledge = acknowledge;
  }

  async connect(options: ConnectOptions): Promise<Connection> {
    options.signal?.throwIfAborted();
    if (!this.up) throw new NodeTransportError("connect_failed", "The memory link is cut");
    if (this.connection !== undefined) {
      throw new RejectedError("join_refused", "This end of the memory link is connected already", "already_connected");
    }
    const did = options.did ?? `did:example:memory-${++this.#assigned}`;
    this.connection = new MemoryConnection(this, did, options, this.#acknowledge);
    return this.connection;
  }

  setUp(up: boolean): void {
    if (this.up === up) return;
    this.up = up;
    const { connection } = this;
    if (connection === undefined) return;
    if (up) {
      connection.redeliver();
      connection.events.onReconnect();
    } else {
      connection.events.onDisconnect(new NodeTransportError("disconnected", "The memory link was cut"));
    }
  }
}

class MemoryConnection implements Connection {
  readonly did: string;
  readonly events: ConnectOptions["events"];
  readonly deliveries: AsyncQueue<Delivery> = new AsyncQueue();
  readonly #transport: MemoryTransport;
  readonly #acknowledge: Delivery["acknowledge"];
  /** One entry per delivery, so that equal messages count apart, and a delivery from before a cut settles nothing after it. */
  readonly #unsettled = new Set<{ readonly text: string }>();

  constructor(transport: MemoryTransport, did: string, options: ConnectOptions, acknowledge: Delivery["acknowledge"]) {
    this.#transport = transport;
    this.did = did;
    this.events = options.events;
    this.#acknowledge = acknowledge;
  }

  get connected(): boolean {
    return this.#transport.up && this.#transport.connection === this;
  }

  async send(plaintext: JsonObject, options: SendOptions = {}): Promise<SendReceipt> {
    options.signal?.throwIfAborted();
    if (this.#transport.connection !== this) throw new NodeTransportError("closed", "The connection is closed");
    if (!this.connected) throw new NodeTransportError("not_connected", "The memory link is cut");
    const text = stringify(plaintext);
    const recipient = this.#transport.peer?.connection;
    if (recipient === undefined) throw new RejectedError("rejected", "No agent is connected at the other end", "unknown recipient");
    recipient.deliver(text);
    return {};
  }

  deliver(text: string): void {
    const entry = { text };
    this.#unsettled.add(entry);
    let settled = false;
    const plaintext: unknown = JSON.parse(text);
    this.deliveries.push({
      plaintext,
      context: { recipient: this.did, authorized: true, sender_credentials: [] },
      acknowledge: this.#acknowledge,
      settle: (_outcome: Outcome) => {
        if (!settled && this.connected) this.#unsettled.delete(entry);
        settled = true;
      },
    });
  }

  redeliver(): void {
    const again = [...this.#unsettled];
    this.#unsettled.clear();
    for (const { text } of again) this.deliver(text);
  }

  async close(): Promise<void> {
    if (this.#transport.connection === this) this.#transport.connection = undefined;
    this.deliveries.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function stringify(plaintext: JsonObject): string {
  if (!isJsonObject(plaintext)) throw new NodeTransportError("write_failed", "A plaintext must be a JSON object");
  try {
    return JSON.stringify(plaintext);
  } catch (cause) {
    throw new NodeTransportError("write_failed", "The message can't be written as JSON", { cause });
  }
}
