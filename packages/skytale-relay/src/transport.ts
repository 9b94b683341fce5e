import type { RelayError } from "./relay-error.ts";

/**
 * The interface between a client and its connection to a relay: one stream of frames, and unary calls, all as bytes. Implementations use
 * gRPC or a relay in the same process.
 */
export interface RelayTransport {
  /** Host and port of the relay, for error messages; undefined for a relay in the same process. */
  readonly address?: string | undefined;
  /** Opens a stream of frames. The listener is not called before this returns. */
  open(token: string, listener: FrameListener): FrameStream;
  /**
   * Makes a unary call.
   *
   * @throws RelayError; the signal's reason when aborted.
   */
  call(method: UnaryMethod, request: Uint8Array, options: CallOptions): Promise<Uint8Array>;
  /** Ends all streams and calls, and releases all resources. */
  close(): void;
}

/** The unary calls of the relay's service. */
export type UnaryMethod = "FetchRange" | "GetHeads" | "FetchWelcomes" | "AckWelcomes";

/** Options of {@link RelayTransport.call}. */
export interface CallOptions {
  readonly token: string;
  /** Deadline, in milliseconds from now, after which the call fails with `timeout`. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** One end of a stream of frames. */
export interface FrameStream {
  /**
   * Sends a frame. The stream owns the bytes from then on. Frames sent after the end are dropped.
   *
   * @returns false when the caller should wait for {@link FrameListener.drained}.
   */
  send(frame: Uint8Array): boolean;
  /** Ends the stream: immediately with an error, or gracefully after all sent frames. */
  end(error?: RelayError): void;
  /** Stops delivery until {@link FrameStream.resume}, except for a few frames in flight. Back-pressure reaches the peer. */
  pause(): void;
  resume(): void;
}

/** Callbacks of one end of a stream. */
export interface FrameListener {
  /** A frame arrived. The listener owns the bytes. */
  frame(frame: Uint8Array): void;
  /** Sending can continue. */
  drained(): void;
  /** Called by every transport when bytes of frames have left this process, or have been handed to a peer in the same process. */
  sent?(bytes: number): void;
  /** The peer ended the stream, gracefully if `error` is undefined. Called once, as the last callback; not called if this end ended it. */
  ended(error?: RelayError): void;
}

/** The relay's side of a transport. */
export interface RelayHandler {
  /** A client opens a stream. Returns the listener for the client's frames. */
  accept(token: string, stream: FrameStream): FrameListener;
  /**
   * A client makes a unary call.
   *
   * @throws RelayError
   */
  call(method: UnaryMethod, request: Uint8Array, options: { readonly token: string; readonly signal: AbortSignal }): Promise<Uint8Array>;
}
