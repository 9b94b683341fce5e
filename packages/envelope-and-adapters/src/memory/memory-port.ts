import { AsyncQueue, deferred, type Deferred } from "@parley/core/internal";
import { Envelope } from "../envelope.ts";
import { EnvelopeFanOut } from "../fan-out.ts";
import type { BufferLimits } from "../internal/bounded-queue.ts";
import type { EnvelopePort, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "../port.ts";
import { PortError } from "../port-error.ts";

/** One party's end of a channel in memory. */
export interface MemoryPort extends EnvelopePort, AsyncDisposable {
  /** What the others are told as `sender`. */
  readonly name: string;
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
 * Envelopes cross as bytes. A send never waits for a slow receiver; what waits for it is unbounded, so this is for tests and examples.
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
  options: BufferLimits = {},
): { -readonly [Index in keyof Names]: MemoryPort } {
  const bus = new MemoryBus(options);
  return names.map((name) => bus.join(name)) as { -readonly [Index in keyof Names]: MemoryPort };
}

/** A channel in memory that parties join and leave. */
export class MemoryBus {
  readonly #options: BufferLimits;
  readonly #parties = new Set<BusPort>();

  constructor(options: BufferLimits = {}) {
    this.#options = options;
  }

  join(name: string): MemoryPort {
    const port = new BusPort(
      name,
      this.#options,
      (data) => {
        for (const other of this.#parties) if (other !== port) other.accept({ envelope: Envelope.wrap(data), sender: name });
      },
      () => this.#parties.delete(port),
    );
    this.#parties.add(port);
    return port;
  }
}

class BusPort implements MemoryPort {
  readonly name: string;
  readonly #fanOut: EnvelopeFanOut;
  readonly #inbox = new AsyncQueue<ReceivedEnvelope>();
  readonly #publish: (data: Uint8Array) => void;
  readonly #onGone: () => void;
  #gate: Deferred<void> | undefined;
  #closed = false;

  constructor(name: string, options: BufferLimits, publish: (data: Uint8Array) => void, onGone: () => void) {
    this.name = name;
    this.#fanOut = new EnvelopeFanOut(options);
    this.#publish = publish;
    this.#onGone = onGone;
    void this.#pump();
  }

  async send(envelope: Envelope, options?: PortSendOptions): Promise<void> {
    await this.sendBytes(envelope.serialize(), options);
  }

  async sendBytes(data: Uint8Array, { signal }: PortSendOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (this.#closed) throw new PortError("closed", "The port is closed");
    if (this.#gate !== undefined) throw new PortError("not_connected", "The memory link is cut");
    this.#publish(data.slice());
  }

  receive(options?: ReceiveOptions): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    return this.#fanOut.receive(options);
  }

  accept(received: ReceivedEnvelope): void {
    this.#inbox.push(received);
  }

  cut(): void {
    this.#gate ??= deferred();
  }

  restore(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  fail(error: unknown): void {
    this.#leave();
    this.#inbox.fail(error);
  }

  async close(): Promise<void> {
    this.#leave();
    this.#inbox.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #leave(): void {
    this.#closed = true;
    this.#onGone();
    this.restore();
  }

  async #pump(): Promise<void> {
    try {
      for await (const received of this.#inbox) {
        await this.#gate?.promise;
        await this.#fanOut.deliver(received);
      }
      this.#fanOut.end();
    } catch (error) {
      this.#fanOut.fail(error);
    }
  }
}
