import type { RelayError } from "./relay-error.ts";

/**
 * The seam between a client and the wire to a relay: one stream of frames, and single calls, each of them bytes. The client's whole logic
 * is above it; gRPC, or a relay in the same process, is below.
 */
export interface RelayTransport {
  /** Host and port of the relay, where it has them: what messages of errors call it. */
  readonly address?: string | undefined;
  /** Opens a stream of frames. The listener is not called before this returns. */
  open(token: string, listener: FrameListener): FrameStream;
  /**
   * Makes a single call.
   *
   * @throws RelayError; the signal's reason when aborted.
   */
  call(method: UnaryMethod, request: Uint8Array, options: CallOptions): Promise<Uint8Array>;
  /** Ends every stream and call, and releases what the transport holds. */
  close(): void;
}

/** The single calls of the relay's service. */
export type UnaryMethod = "FetchRange" | "GetHeads" | "FetchWelcomes" | "AckWelcomes";

/** Options of {@link RelayTransport.call}. */
export interface CallOptions {
  readonly token: string;
  /** Ends the call with `timeout`. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** One end of a stream of frames. */
export interface FrameStream {
  /**
   * Sends a frame; it belongs to the stream from then on. Frames sent after the end are dropped.
   *
   * @returns false when so much waits to be sent that it is better to wait for {@link FrameListener.drained}.
   */
  send(frame: Uint8Array): boolean;
  /** Ends the stream: with an error, or in peace once everything sent before has gone out. */
  end(error?: RelayError): void;
  /** No frame is handed over until {@link FrameStream.resume}, except for a few that are under way. The peer feels it. */
  pause(): void;
  resume(): void;
}

/** What the owner of an end is told. */
export interface FrameListener {
  /** A frame has arrived; it is the listener's own. */
  frame(frame: Uint8Array): void;
  /** There is room to send again. */
  drained(): void;
  /** The stream has ended: once, and last. Without an error the peer ended it in peace. Not called when this end ended it. */
  ended(error?: RelayError): void;
}

/** What answers at the other end of a transport: a relay. */
export interface RelayHandler {
  /** A client opens a stream. The listener is told what it sends. */
  accept(token: string, stream: FrameStream): FrameListener;
  /**
   * A client makes a single call.
   *
   * @throws RelayError
   */
  call(method: UnaryMethod, request: Uint8Array, options: { readonly token: string; readonly signal: AbortSignal }): Promise<Uint8Array>;
}
