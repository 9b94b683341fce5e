import { signalWithin } from "@parley/core/internal";
import { RelayError } from "./relay-error.ts";
import type { CallOptions, FrameListener, FrameStream, RelayHandler, RelayTransport, UnaryMethod } from "./transport.ts";

/** Back-pressure threshold: bytes that are sent but not yet delivered. */
const HIGH_WATER = 1024 * 1024;

/**
 * Connects a client to a relay in the same process, without a socket. All client code above the transport runs as in production.
 *
 * @example
 * ```ts
 * import { connectInMemory, RelayClient, type RelayHandler } from "@parley/skytale-relay";
 *
 * function clientOf(relay: RelayHandler): RelayClient {
 *   return new RelayClient({ transport: connectInMemory(relay), token: () => "a token" });
 * }
 * ```
 */
export function connectInMemory(handler: RelayHandler): RelayTransport {
  return new MemoryTransport(handler);
}

class MemoryTransport implements RelayTransport {
  readonly #handler: RelayHandler;
  readonly #streams = new Set<MemoryStream>();
  readonly #closed = new AbortController();

  constructor(handler: RelayHandler) {
    this.#handler = handler;
  }

  open(token: string, listener: FrameListener): FrameStream {
    const near = new MemoryStream(() => this.#streams.delete(near));
    const far = new MemoryStream(() => undefined);
    near.peer = far;
    far.peer = near;
    near.listener = listener;
    this.#streams.add(near);
    setImmediate(() => {
      far.listener = this.#handler.accept(token, far);
      far.deliver();
    });
    return near;
  }

  async call(method: UnaryMethod, request: Uint8Array, { token, timeoutMs, signal }: CallOptions): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const timeout = signalWithin(timeoutMs);
    const signals = [this.#closed.signal, timeout, ...(signal === undefined ? [] : [signal])];
    const ended = AbortSignal.any(signals);
    const answer = this.#handler.call(method, Uint8Array.from(request), { token, signal: ended });
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        if (signal?.aborted === true) reject(signal.reason);
        else if (timeout.aborted) reject(new RelayError("timeout", "The relay did not answer in time"));
        else reject(new RelayError("closed", "The client is closed"));
      };
      ended.addEventListener("abort", abort, { once: true });
      answer.then(resolve, reject).finally(() => ended.removeEventListener("abort", abort));
    });
  }

  close(): void {
    this.#closed.abort();
    for (const stream of this.#streams) stream.end(new RelayError("unavailable", "The client closed the connection"));
  }
}

/** One end of a stream. Sent frames are queued at the other end until it delivers them. */
class MemoryStream implements FrameStream {
  peer: MemoryStream | undefined;
  listener: FrameListener | undefined;
  readonly #onEnd: () => void;
  #arrived: Uint8Array[] = [];
  #arrivedBytes = 0;
  #paused = false;
  #scheduled = false;
  /** This end has ended and sends no further frames. */
  #ended = false;
  /** Set once the peer has ended, with its error if any. */
  #peerEnd: { readonly error: RelayError | undefined } | undefined;
  #overfull = false;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  send(frame: Uint8Array): boolean {
    if (this.#ended || this.peer === undefined) return true;
    return this.peer.#receive(frame);
  }

  end(error?: RelayError): void {
    if (this.#ended) return;
    this.#finish();
    if (this.peer !== undefined) this.peer.#receiveEnd(error);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  deliver(): void {
    this.#scheduled = false;
    const { listener } = this;
    if (listener === undefined) return;
    while (!this.#paused && !this.#ended) {
      const frame = this.#arrived.shift();
      if (frame === undefined) break;
      this.#arrivedBytes -= frame.length;
      listener.frame(frame);
      this.peer?.listener?.sent?.(frame.length);
    }
    if (this.#overfull && this.#arrivedBytes <= HIGH_WATER / 2) {
      this.#overfull = false;
      this.peer?.listener?.drained();
    }
    // An error discards frames in flight, as a reset of a socket does.
    const end = this.#peerEnd;
    if (end === undefined || this.#ended) return;
    if (end.error === undefined && this.#arrived.length > 0) return;
    this.#finish();
    listener.ended(end.error);
  }

  #receive(frame: Uint8Array): boolean {
    if (this.#ended) return true;
    this.#arrived.push(frame);
    this.#arrivedBytes += frame.length;
    this.#schedule();
    if (this.#arrivedBytes > HIGH_WATER) this.#overfull = true;
    return !this.#overfull;
  }

  #receiveEnd(error: RelayError | undefined): void {
    this.#peerEnd ??= { error };
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.listener === undefined) return;
    this.#scheduled = true;
    setImmediate(() => this.deliver());
  }

  #finish(): void {
    this.#ended = true;
    this.#arrived = [];
    this.#arrivedBytes = 0;
    this.#onEnd();
  }
}
