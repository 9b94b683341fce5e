import { connectInMemory, type FrameStream, type RelayError, type RelayHandler } from "@parley/skytale-relay";
import {
  type ClientFrame,
  decodeServerFrame,
  encodeClientFrame,
  encodeMessage,
  type OutgoingMessage,
  type ServerFrame,
} from "@parley/skytale-relay/internal";
import { payload } from "./relay-harness.ts";

/** A stream without client logic: sends any bytes and records the frames that it receives. */
export class RawStream {
  readonly stream: FrameStream;
  readonly frames: ServerFrame[] = [];
  #end: { readonly error: RelayError | undefined } | undefined;
  #onNews: () => void = () => undefined;

  constructor(relay: RelayHandler, token = "alice") {
    this.stream = connectInMemory(relay).open(token, {
      frame: (bytes) => this.#news(() => this.frames.push(decodeServerFrame(bytes))),
      drained: () => undefined,
      ended: (error) => this.#news(() => (this.#end = { error })),
    });
  }

  send(frame: Partial<ClientFrame> | Uint8Array): void {
    this.stream.send(frame instanceof Uint8Array ? frame : encodeClientFrame(frame));
  }

  publish(channel: string, firstNumber: number, messages: readonly Uint8Array[]): void {
    this.send({ publishes: [{ channel, firstNumber, messages }] });
  }

  /** The first frame that fits, now or later. */
  async until(fits: (frame: ServerFrame) => boolean): Promise<ServerFrame> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined) return found;
      if (this.#end !== undefined) throw new Error("The stream has ended", { cause: this.#end.error });
      await new Promise<void>((resolve) => (this.#onNews = resolve));
    }
  }

  /** What the relay ended the stream with. */
  async ended(): Promise<RelayError | undefined> {
    while (this.#end === undefined) await new Promise<void>((resolve) => (this.#onNews = resolve));
    return this.#end.error;
  }

  #news(take: () => void): void {
    take();
    this.#onNews();
  }
}

export function encoded(content: string, changes: Partial<OutgoingMessage> = {}): Uint8Array {
  return encodeMessage({
    kind: "application",
    epoch: 1n,
    payload: payload(content),
    key: payload(`key of ${content}`),
    supersedes: 0,
    recipients: [],
    ...changes,
  });
}
