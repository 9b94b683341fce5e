import { deferred, type Deferred, encodeBase64url } from "@parley/core/internal";
import { Envelope } from "../envelope.ts";
import { EnvelopeFanOut } from "../envelope-fan-out.ts";
import { checkEnvelope } from "../internal/arguments.ts";
import type { BufferLimits } from "../internal/bounded-queue.ts";
import type { EnvelopePort, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "../port.ts";
import { PortError } from "../port-error.ts";
import { MemoryInbox } from "./memory-inbox.ts";
import { MemorySendIds } from "./memory-send-ids.ts";

/** Options of in-memory channels. */
export interface MemoryPortOptions extends BufferLimits {
  /**
   * Whether envelopes without a subscriber are kept for the next one, as on a channel that stores received envelopes. Default false: they are
   * lost, except those that a subscriber has left unsettled.
   */
  readonly keepUnread?: boolean;
  /** Whether each party has a key, which others receive as `senderKey`. Default false. */
  readonly withKeys?: boolean;
}

/** The port of one party of an in-memory channel. */
export interface MemoryPort extends EnvelopePort, AsyncDisposable {
  /** The `sender` of its envelopes. */
  readonly name: string;
  /** The `senderKey` of its envelopes. */
  readonly senderKey: string | undefined;
  /** Sends any bytes. If they are not an envelope, the others receive them as the payload of a RAW envelope. */
  sendBytes(data: Uint8Array, options?: PortSendOptions): Promise<void>;
  /** Disconnects this party: sends fail, and envelopes of others wait for {@link MemoryPort.restore}. */
  cut(): void;
  /** Reconnects this party. Waiting envelopes are delivered in order. */
  restore(): void;
  /** Fails the port permanently: iterations throw `error` after their buffered envelopes. */
  fail(error: unknown): void;
  /** Leaves the channel. Iterations end after their buffered envelopes. Idempotent. */
  close(): Promise<void>;
}

/**
 * Creates parties of one in-memory channel: each receives the envelopes of the others in the same order, but not its own. Envelopes are
 * serialized and numbered: `id` is their sequence number. The last 65,536 send ids of each party are remembered. Sends never wait for a slow
 * receiver and its queue is unbounded, so this is for tests and examples.
 *
 * @example
 * ```ts
 * import { Envelope, Protocol } from "@parley/envelope-and-adapters";
 * import { createMemoryPorts } from "@parley/envelope-and-adapters/memory";
 *
 * const [alice, bob] = createMemoryPorts(["alice", "bob"]);
 * const inbound = bob.receive();
 * await alice.send(new Envelope(Protocol.RAW, "text/plain", new TextEncoder().encode("hello")));
 * const { value } = await inbound.next();
 * console.log(value?.sender);
 * ```
 */
export function createMemoryPorts<const Names extends readonly string[]>(
  names: Names,
  options: MemoryPortOptions = {},
): { -readonly [Index in keyof Names]: MemoryPort } {
  const bus = new MemoryBus(options);
  return names.map((name) => bus.join(name)) as { -readonly [Index in keyof Names]: MemoryPort };
}

/** An in-memory channel that parties join and leave. */
export class MemoryBus {
  readonly #options: MemoryPortOptions;
  readonly #parties = new Set<BusPort>();
  readonly #sent = new MemorySendIds();
  #last = 0;

  constructor(options: MemoryPortOptions = {}) {
    this.#options = options;
  }

  join(name: string): MemoryPort {
    const { withKeys = false, ...options } = this.#options;
    const senderKey = withKeys ? encodeBase64url(crypto.getRandomValues(new Uint8Array(32))) : undefined;
    const keyOfSender = senderKey === undefined ? {} : { senderKey };
    const port = new BusPort({ name, senderKey }, options, {
      publish: (data, id) => {
        if (id !== undefined && !this.#sent.add(senderKey ?? name, id)) return;
        const sequence = ++this.#last;
        for (const other of this.#parties) {
          if (other !== port) other.accept(sequence, { envelope: Envelope.wrap(data), sender: name, ...keyOfSender, id: String(sequence) });
        }
      },
      leave: () => this.#parties.delete(port),
    });
    this.#parties.add(port);
    return port;
  }
}

interface Bus {
  /** Ignores an id that this party has used before. */
  publish(data: Uint8Array, id: string | undefined): void;
  leave(): void;
}

class BusPort implements MemoryPort {
  readonly name: string;
  readonly senderKey: string | undefined;
  readonly #fanOut: EnvelopeFanOut;
  readonly #inbox = new MemoryInbox();
  readonly #keepsUnread: boolean;
  readonly #bus: Bus;
  #disconnected: Deferred<void> | undefined;
  #closed: { readonly error?: unknown } | undefined;

  constructor({ name, senderKey }: Pick<MemoryPort, "name" | "senderKey">, { keepUnread = false, ...limits }: MemoryPortOptions, bus: Bus) {
    this.name = name;
    this.senderKey = senderKey;
    this.#fanOut = new EnvelopeFanOut(limits);
    this.#keepsUnread = keepUnread;
    this.#bus = bus;
    void this.#pump();
  }

  async send(envelope: Envelope, options?: PortSendOptions): Promise<void> {
    await this.sendBytes(checkEnvelope(envelope).serialize(), options);
  }

  async sendBytes(data: Uint8Array, { id, signal }: PortSendOptions = {}): Promise<void> {
    checkSendId(id);
    signal?.throwIfAborted();
    if (this.#closed !== undefined) throw new PortError("closed", "The port is closed");
    if (this.#disconnected !== undefined) throw new PortError("not_connected", "The memory port is disconnected");
    this.#bus.publish(data.slice(), id);
  }

  receive(options?: ReceiveOptions): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    const subscription = this.#fanOut.receive(options);
    this.#inbox.notifyChange();
    return subscription;
  }

  accept(sequence: number, received: ReceivedEnvelope): void {
    this.#inbox.add({ sequence, received });
  }

  cut(): void {
    this.#disconnected ??= deferred();
  }

  restore(): void {
    this.#disconnected?.resolve();
    this.#disconnected = undefined;
  }

  fail(error: unknown): void {
    this.#leave({ error });
  }

  async close(): Promise<void> {
    this.#leave({});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #leave(closed: { readonly error?: unknown }): void {
    this.#closed ??= closed;
    this.#bus.leave();
    this.restore();
    this.#inbox.notifyChange();
  }

  async #pump(): Promise<void> {
    for (;;) {
      await this.#disconnected?.promise;
      const item = this.#inbox.first(({ received }) => this.#fanOut.wants(received));
      if (item !== undefined) {
        const keeper = { settled: () => this.#inbox.remove(item), left: () => this.#inbox.keep(item) };
        await this.#fanOut.deliver(item.received, keeper);
        continue;
      }
      if (!this.#keepsUnread) this.#inbox.dropUnread();
      if (this.#closed !== undefined) break;
      await this.#inbox.change();
    }
    if ("error" in this.#closed) this.#fanOut.fail(this.#closed.error);
    else this.#fanOut.end();
  }
}

const MAX_ID_LENGTH = 255;

function checkSendId(id: string | undefined): void {
  if (id !== undefined && (id.length === 0 || id.length > MAX_ID_LENGTH))
    throw new TypeError(`The id of a send must have 1 to ${MAX_ID_LENGTH} characters`);
}
