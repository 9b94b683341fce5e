import type { WebSocket } from "ws";

/** A Phoenix frame: ref of the join, ref, topic, event, payload. */
export type FloorFrame = readonly [joinRef: string | null, ref: string | null, topic: string, event: string, payload: object];

/** Frames of one turn of the event loop share a WebSocket message, at most this many, as in a node and its agents. */
const MAX_FRAMES = 32;

/** Sends frames, and reads those that arrive, without a check of anything. */
export class FloorSocket {
  readonly #socket: WebSocket;
  #frames: string[] = [];
  #scheduled = false;

  constructor(socket: WebSocket, onFrames: (frames: readonly FloorFrame[], from: FloorSocket) => void) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => onFrames(JSON.parse(data.toString()) as FloorFrame[], this));
  }

  /** @param frame JSON text. */
  send(frame: string): void {
    if (this.#frames.push(frame) >= MAX_FRAMES) return this.#flush();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#frames.length === 0) return;
    this.#socket.send(`[${this.#frames.join(",")}]`);
    this.#frames = [];
  }
}
