import type { LookupFunction, Socket as TcpSocket } from "node:net";
import { WebSocket, type ClientOptions } from "ws";
import { clockOffset } from "./clock.ts";
import type { TlsOptions } from "./options.ts";

/** What a socket is opened with. */
export interface NodeSocketOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly lookup: LookupFunction | undefined;
  readonly tls: TlsOptions;
  readonly handshakeMs: number;
  readonly closeMs: number;
  readonly maxFrameLength: number;
}

/** The WebSocket that phoenix drives. Remembers why it failed, and hands frames that are written together to the kernel together. */
export class NodeSocket extends WebSocket {
  /** HTTP status of a refused upgrade. */
  refusal: number | undefined;
  /** What to add to this machine's clock to get the node's, in milliseconds. */
  clockOffsetMs = 0;
  /** The last error. */
  failure: Error | undefined;
  #tcp: TcpSocket | undefined;
  #corked = false;

  constructor({ url, headers, lookup, tls, handshakeMs, closeMs, maxFrameLength }: NodeSocketOptions) {
    const options: ClientOptions & { closeTimeout: number } = {
      ...(tls as ClientOptions),
      headers: { ...headers },
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
    });
  }

  override send(data: string): void {
    if (this.#tcp !== undefined && !this.#corked) {
      const tcp = this.#tcp;
      this.#corked = true;
      tcp.cork();
      // At the end of this turn of the event loop: what is sent until then goes along, acknowledgements too.
      setImmediate(() => {
        this.#corked = false;
        tcp.uncork();
      });
    }
    super.send(data);
  }
}
