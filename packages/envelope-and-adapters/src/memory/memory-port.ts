import { deferred, type Deferred, encodeBase64url } from "@parley/core/internal";
import { Envelope } from "../envelope.ts";
import { EnvelopeFanOut } from "../fan-out.ts";
import { checkEnvelope } from "../internal/arguments.ts";
import type { BufferLimits } from "../internal/bounded-queue.ts";
import type { EnvelopePort, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "../port.ts";
import { PortError } from "../port-error.ts";
import { MemoryInbox } from "./memory-inbox.ts";
import { MemoryIds } from "./memory-ids.ts";

/** Options of channels in memory. */
export interface MemoryPortOptions extends BufferLimits {
  /**
   * What arrives while nobody is subscribed to it waits for the next who is, as on a channel that keeps what it has received. Default
   * false: it is lost, but for what a subscriber has left unsettled.
   */
  readonly keepUnread?: boolean;
  /** Whether each party has a key, which the others are told as `senderKey`. Default false. */
  readonly withKeys?: boolean;
}

/** One party's end of a channel in memory. */
export interface MemoryPort extends EnvelopePort, AsyncDisposable {
  /** What the others are told as `sender`. */
  readonly name: string;
  /** What the others are told as `senderKey`. */
  readonly senderKey: string | undefined;
  /** Sends bytes that need not be an envelope. The others receive them as a real channel would hand them over: wrapped as RAW. */
  sendBytes(data: Uint8Array, options?: PortSendOptions): Promise<void>;
  /** Breaks this party's link: it can't send, and what the others send waits for {@link MemoryPort.restore}. */
  cut(): void;
  /** Mends the link. What was sent meanwhile arrives now, in order. */
  restore(): void;
  /** Breaks the link for good: iterations throw `error` once they have given out what is buffered. */
  fail(error: unknown): void;
  /** Leaves the channel. Iterations end once they have given out what is buffered. Idempotent. */
  close(): Promise<void>;
}

/**
 * Wires parties to one channel in memory, as a relay would: each receives what the others send, in one order, but not its own.
 * Envelopes cross as bytes, and are numbered: `id` is their place on the channel. Ids of sends are remembered for each party, the last
 * 65,536 of them. A send never waits for a slow receiver; what waits for it is unbounded, so this is for tests and examples.
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

/** A channel in memory that parties join and leave. */
export class MemoryBus {
  readonly #options: MemoryPortOptions;
  readonly #parties = new Set<BusPort>();
  readonly #sent = new MemoryIds();
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
        const place = ++this.#last;
        for (const other of this.#parties) {
          if (other !== port) other.accept(place, { envelope: Envelope.wrap(data), sender: name, ...keyOfSender, id: String(place) });
        }
      },
      gone: () => this.#parties.delete(port),
    });
    this.#parties.add(port);
    return port;
  }
}

interface Bus {
  /** What was sent under this id before isn't published again. */
  publish(data: Uint8Array, id: string | undefined): void;
  gone(): void;
}

class BusPort implements MemoryPort {
  readonly name: string;
  readonly senderKey: string | undefined;
  readonly #fanOut: EnvelopeFanOut;
  readonly #inbox = new MemoryInbox();
  readonly #keepsUnread: boolean;
  readonly #bus: Bus;
  #gate: Deferred<void> | undefined;
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
    if (this.#gate !== undefined) throw new PortError("not_connected", "The memory link is cut");
    this.#bus.publish(data.slice(), id);
  }

  receive(options?: ReceiveOptions): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    const subscription = this.#fanOut.receive(options);
    this.#inbox.tellChange();
    return subscription;
  }

  accept(place: number, received: ReceivedEnvelope): void {
    this.#inbox.add({ place, received });
  }

  cut(): void {
    this.#gate ??= deferred();
  }

  restore(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
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
    this.#bus.gone();
    this.restore();
    this.#inbox.tellChange();
  }

  async #pump(): Promise<void> {
    for (;;) {
      await this.#gate?.promise;
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
    throw new TypeError(`The id of a send has 1 to ${MAX_ID_LENGTH} characters`);
}
