import {
  RelayError,
  type CallOptions,
  type FrameListener,
  type FrameStream,
  type RelayTransport,
  type UnaryMethod,
} from "@parley/skytale-relay";
import { decodeServerFrame, encodeAcks, encodeControl, encodeDelivery, type ServerFrame } from "@parley/skytale-relay/internal";
import { parseEndpoint } from "../../../skytale-relay/src/endpoint.ts";
import { grpcTransport } from "../../../skytale-relay/src/grpc-transport.ts";

/** What a relay shows in place of a message, both encoded; as many as it likes. */
export type Lie = (message: Uint8Array, sequence: number) => readonly Uint8Array[];

/** A transport to a real relay that tampers with the log entries and can be disconnected. */
export class LyingTransport implements RelayTransport {
  lie: Lie = (message) => [message];
  readonly #wire: RelayTransport;
  /** Nothing that the relay says is heard. */
  isDeaf = false;
  /** The relay reports only the sequence numbers of recorded messages. */
  hidesEpochs = false;
  /** Number of messages that the relay has acknowledged. */
  acknowledged = 0;
  /** Messages held back. */
  #held: (() => void)[] | undefined;
  /** Deliveries held back, of one stream. */
  #late: { readonly deliveries: ServerFrame["deliveries"][number][]; readonly listener: FrameListener } | undefined;
  #holdsDeliveries = false;
  readonly #streams = new Set<{ readonly stream: FrameStream; readonly listener: FrameListener }>();
  #isDisconnected = false;
  /** How much further the shown log is than the real one. */
  #shift = 0;

  constructor(url: string) {
    this.#wire = grpcTransport({ ...parseEndpoint(url), ca: undefined });
  }

  /** Ends every stream, and lets none through until {@link LyingTransport.mend}. */
  cut(): void {
    this.#isDisconnected = true;
    const error = new RelayError("unavailable", "The cable is cut");
    for (const { stream, listener } of this.#streams) {
      stream.end(error);
      setImmediate(() => listener.ended(error));
    }
    this.#streams.clear();
  }

  mend(): void {
    this.#isDisconnected = false;
  }

  /** Holds back what is said to the relay, until {@link LyingTransport.release}. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const send of held) send();
  }

  /** Holds back the log entries of one stream, but not the acknowledgements, until {@link LyingTransport.deliver} or {@link LyingTransport.lose}. */
  holdDeliveries(): void {
    this.#holdsDeliveries = true;
  }

  /** The sequence number after the last entry held back. */
  get heldUntil(): number | undefined {
    const last = this.#late?.deliveries.at(-1);
    return last && last.first + last.messages.length;
  }

  deliver(): void {
    this.#holdsDeliveries = false;
    const late = this.#late;
    this.#late = undefined;
    for (const batch of late?.deliveries ?? []) for (const part of this.#tampered(batch)) late?.listener.frame(part);
  }

  /** Loses the log entries held back, with the connection. */
  lose(): void {
    this.#holdsDeliveries = false;
    this.#late = undefined;
    this.cut();
    this.mend();
  }

  open(token: string, listener: FrameListener): FrameStream {
    if (this.#isDisconnected) {
      setImmediate(() => listener.ended(new RelayError("unavailable", "The cable is cut")));
      return { send: () => true, end: () => undefined, pause: () => undefined, resume: () => undefined };
    }
    const stream = this.#wire.open(token, {
      frame: (frame) => {
        if (this.isDeaf) return;
        for (const part of this.#change(decodeServerFrame(frame), listener)) listener.frame(part);
      },
      drained: () => listener.drained(),
      ended: (error) => {
        this.#streams.delete(entry);
        listener.ended(error);
      },
    });
    const entry = { stream, listener };
    this.#streams.add(entry);
    return {
      send: (frame) => {
        if (this.#held === undefined) return stream.send(frame);
        this.#held.push(() => void stream.send(frame));
        return true;
      },
      end: (error) => stream.end(error),
      pause: () => stream.pause(),
      resume: () => stream.resume(),
    };
  }

  call(method: UnaryMethod, request: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    if (this.#isDisconnected) return Promise.reject(new RelayError("unavailable", "The cable is cut"));
    return this.#wire.call(method, request, options);
  }

  close(): void {
    this.#wire.close();
  }

  *#change({ deliveries, acks, ...rest }: ServerFrame, listener: FrameListener): Iterable<Uint8Array> {
    const control = encodeControl(rest);
    if (control.length > 0) yield control;
    if (this.#holdsDeliveries && deliveries.length > 0) (this.#late ??= { deliveries: [], listener }).deliveries.push(...deliveries);
    else for (const batch of deliveries) yield* this.#tampered(batch);
    this.acknowledged += acks.reduce((sum, { count }) => sum + count, 0);
    const shown = this.hidesEpochs ? acks.map((ack) => ({ ...ack, logEpoch: 0n, repeated: false })) : acks;
    if (shown.length > 0) yield encodeAcks(shown);
  }

  *#tampered(batch: ServerFrame["deliveries"][number]): Iterable<Uint8Array> {
    const messages = batch.messages.flatMap((message, index) => this.lie(message, batch.first + index));
    const first = batch.first + this.#shift;
    this.#shift += messages.length - batch.messages.length;
    if (messages.length > 0) yield encodeDelivery({ ...batch, first, messages });
  }
}
