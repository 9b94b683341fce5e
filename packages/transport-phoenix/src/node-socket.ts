import type { LookupFunction, Socket as TcpSocket } from "node:net";
import { BATCH_HEADER, batchFrames, MAX_BATCH_BYTES, readBatchLimit } from "@parley/core/internal";
import type { TlsOptions } from "@parley/core/net";
import { WebSocket, type ClientOptions } from "ws";
import { clockOffset } from "./clock.ts";

/** Options of a {@link NodeSocket}. */
export interface NodeSocketOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly lookup: LookupFunction | undefined;
  readonly tls: TlsOptions;
  readonly handshakeMs: number;
  readonly closeMs: number;
  readonly maxFrameLength: number;
}

/**
 * The WebSocket that phoenix uses. It stores the error that it failed with. Frames that are sent in one turn of the event loop are sent
 * together: in one WebSocket message where the node accepts batches, in one write otherwise.
 */
export class NodeSocket extends WebSocket {
  /** HTTP status of a rejected upgrade. */
  refusal: number | undefined;
  /** The offset of the node's clock to this machine's, in milliseconds. */
  clockOffsetMs = 0;
  /** The last error. */
  failure: Error | undefined;
  /** Whether the node's messages may be batches. */
  readsBatches = false;
  #tcp: TcpSocket | undefined;
  /** The largest batch that the node accepts, in bytes; 0 where it accepts none. */
  #maxBatchBytes = 0;
  /** Frames of this turn of the event loop, sent at its end. */
  #frames: string[] = [];

  constructor({ url, headers, lookup, tls, handshakeMs, closeMs, maxFrameLength }: NodeSocketOptions) {
    const options: ClientOptions & { closeTimeout: number } = {
      ...(tls as ClientOptions),
      headers: { ...headers, [BATCH_HEADER]: String(Math.min(MAX_BATCH_BYTES, maxFrameLength)) },
      handshakeTimeout: handshakeMs,
      closeTimeout: closeMs,
      maxPayload: maxFrameLength,
      perMessageDeflate: false,
      ...(lookup && { lookup }),
    };
    super(url, options);
    this.on("error", (error) => {
      this.failure ??= error;
    });
    this.on("unexpected-response", (_request, response) => {
      this.refusal = response.statusCode;
      this.terminate();
    });
    this.once("upgrade", (response) => {
      // Bun's is null.
      const tcp: TcpSocket | null = response.socket;
      this.#tcp = tcp ?? undefined;
      this.clockOffsetMs = clockOffset(response.headers.date, Date.now());
      this.#maxBatchBytes = readBatchLimit(response.headers[BATCH_HEADER]);
      this.readsBatches = this.#maxBatchBytes > 0;
    });
  }

  override send(data: string): void {
    if (this.#frames.push(data) > 1) return;
    // Runs at the end of this turn of the event loop, so that all frames of the turn, acknowledgements included, are in one batch.
    setImmediate(() => this.#flush());
  }

  override close(code?: number, data?: string | Buffer): void {
    this.#flush();
    super.close(code, data);
  }

  #flush(): void {
    const frames = this.#frames;
    if (frames.length === 0) return;
    this.#frames = [];
    if (this.readyState !== WebSocket.OPEN) return;
    this.#tcp?.cork();
    for (const message of this.#maxBatchBytes === 0 ? frames : batchFrames(frames, this.#maxBatchBytes)) super.send(message);
    this.#tcp?.uncork();
  }
}
