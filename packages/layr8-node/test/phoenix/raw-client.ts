import { AsyncQueue } from "@parley/core/internal";
import { WebSocket } from "ws";

/** A parsed Phoenix V2 frame. */
export type RawFrame = [joinRef: string | null, ref: string | null, topic: string, event: string, payload: Record<string, unknown>];

/** A raw Phoenix V2 client, so that tests can send invalid frames. */
export class RawClient {
  readonly ws: WebSocket;
  readonly closed: Promise<number>;
  readonly #frames = new AsyncQueue<RawFrame>();
  readonly #iterator: AsyncIterator<RawFrame, undefined>;
  /** Frames that arrived while a reply was awaited. */
  readonly #passedOver: RawFrame[] = [];
  /** WebSocket messages that have arrived. */
  messages = 0;
  /** Maximum batch that the server accepts, from the handshake. */
  batchLimit: string | string[] | undefined;
  #ref = 0;

  private constructor(ws: WebSocket) {
    this.ws = ws;
    this.#iterator = this.#frames[Symbol.asyncIterator]();
    ws.on("message", (data) => {
      this.messages += 1;
      for (const text of String(data).split("\n")) this.#frames.push(JSON.parse(text) as RawFrame);
    });
    ws.on("upgrade", (response) => (this.batchLimit = response.headers["x-frame-batch"]));
    this.closed = new Promise((resolve) => {
      ws.on("close", (code) => {
        this.#frames.end();
        resolve(code);
      });
    });
    ws.on("error", () => {});
  }

  /** @throws Error with the HTTP status if the upgrade is rejected. */
  static async open(url: string, headers: Record<string, string> = {}, maxPayload?: number): Promise<RawClient> {
    const ws = new WebSocket(url, { headers, ...(maxPayload !== undefined && { maxPayload }) });
    const client = new RawClient(ws);
    await new Promise<void>((resolve, reject) => {
      ws.on("open", resolve);
      ws.on("unexpected-response", (_request, response) => reject(new Error(`HTTP ${response.statusCode}`)));
      ws.on("error", reject);
    });
    return client;
  }

  send(frame: unknown): void {
    this.ws.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** The next frame. */
  async next(): Promise<RawFrame> {
    return this.#passedOver.shift() ?? this.#read();
  }

  async #read(): Promise<RawFrame> {
    const { value } = await this.#iterator.next();
    if (value === undefined) throw new Error("The socket was closed");
    return value;
  }

  /** Pushes and returns the payload of its reply; frames in between are left for {@link RawClient.next}. */
  async push(topic: string, event: string, payload: unknown, joinRef: string | null = null): Promise<Record<string, unknown>> {
    const ref = `${++this.#ref}`;
    this.send([joinRef ?? (event === "phx_join" ? ref : null), ref, topic, event, payload]);
    for (;;) {
      const frame = await this.#read();
      if (frame[1] === ref && frame[3] === "phx_reply") return frame[4];
      this.#passedOver.push(frame);
    }
  }

  close(): void {
    this.ws.terminate();
  }
}
