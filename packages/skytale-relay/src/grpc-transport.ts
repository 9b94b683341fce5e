import { type ClientDuplexStream, Client, credentials, type ChannelCredentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { isLocalhostName } from "@parley/core/internal";
import type { Endpoint } from "./endpoint.ts";
import { grpcError } from "./grpc-error.ts";
import { asBuffer, asIs, GrpcWriter } from "./grpc-writer.ts";
import { RelayError } from "./relay-error.ts";
import type { CallOptions, FrameListener, FrameStream, RelayTransport, UnaryMethod } from "./transport.ts";

const SERVICE = "/skytale.relay.v1.RelayService/";

/** Bytes written but not yet on the wire beyond which it is better to wait. */
const HIGH_WATER = 1024 * 1024;

/** How long the end of a stream may take that this client has ended in peace, in milliseconds. */
const FAREWELL_MS = 1000;

/** What a relay may send in one frame. Its own limits are well below. */
const MAX_FRAME_BYTES = 32 * 1024 * 1024;

/** Bytes that may be on their way to this client. HTTP/2's own 64 KiB would have large frames wait for the other side again and again. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** Options of {@link grpcTransport}. */
export interface GrpcOptions extends Endpoint {
  /** Certificates in PEM to trust instead of the system's. */
  readonly ca?: Uint8Array | undefined;
}

/** Speaks gRPC to a relay. Frames are bytes here: what they hold is encoded and decoded by the caller. */
export function grpcTransport(options: GrpcOptions): RelayTransport {
  return new GrpcTransport(options);
}

class GrpcTransport implements RelayTransport {
  readonly address: string;
  readonly #options: GrpcOptions;
  readonly #streams = new Set<GrpcStream>();
  #client: Client;

  constructor(options: GrpcOptions) {
    this.address = options.target;
    this.#options = options;
    this.#client = connectTo(options);
  }

  open(token: string, listener: FrameListener): FrameStream {
    const call = this.#client.makeBidiStreamRequest<Uint8Array, Buffer>(`${SERVICE}Connect`, asBuffer, asIs, bearer(token), {});
    const stream = new GrpcStream(call, { target: this.address, token }, listener, (error) => this.#onEnd(stream, error));
    this.#streams.add(stream);
    return stream;
  }

  call(method: UnaryMethod, request: Uint8Array, { token, timeoutMs, signal }: CallOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const answered = (error: ServiceError | null, response?: Buffer): void => {
        signal?.removeEventListener("abort", abort);
        if (signal?.aborted === true) reject(signal.reason);
        else if (error !== null) reject(grpcError(error, { target: this.address, token }, error));
        else if (response === undefined) reject(new RelayError("protocol_error", "The relay answered with nothing"));
        else resolve(response);
      };
      const deadline = Date.now() + timeoutMs;
      const call = this.#client.makeUnaryRequest(SERVICE + method, asBuffer, asIs, request, bearer(token), { deadline }, answered);
      const abort = (): void => call.cancel();
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  close(): void {
    for (const stream of this.#streams) stream.end(new RelayError("closed", "The client is closed"));
    this.#client.close();
  }

  #onEnd(stream: GrpcStream, error: RelayError | undefined): void {
    this.#streams.delete(stream);
    if (error?.code !== "timeout") return;
    // The connection may be dead without knowing it. gRPC would put the next stream on it.
    this.#client.close();
    this.#client = connectTo(this.#options);
  }
}

function connectTo({ target, tls, ca }: GrpcOptions): Client {
  const channel: ChannelCredentials = tls ? credentials.createSsl(ca === undefined ? null : asBuffer(ca)) : credentials.createInsecure();
  const resolvable = resolvableTarget(target);
  return new Client(resolvable, channel, {
    // The certificate and the authority are those of the address that was given.
    ...(resolvable !== target && { "grpc.default_authority": target, "grpc.ssl_target_name_override": hostOf(target) }),
    "grpc.max_receive_message_length": MAX_FRAME_BYTES,
    "grpc.max_send_message_length": MAX_FRAME_BYTES,
    "grpc-node.flow_control_window": WINDOW_BYTES,
    "grpc.enable_retries": 0,
    "grpc.enable_http_proxy": 0,
    // The client above has its own backoff; here a new stream always tries at once.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
    // A connection of one's own, so that one client's end doesn't touch another's.
    "grpc.use_local_subchannel_pool": 1,
  });
}

/** The target that is connected to: names below `localhost` are this machine, and DNS knows nothing of them. */
function resolvableTarget(target: string): string {
  return isLocalhostName(hostOf(target)) ? `localhost${target.slice(target.lastIndexOf(":"))}` : target;
}

function hostOf(target: string): string {
  return target.slice(0, target.lastIndexOf(":"));
}

function bearer(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

class GrpcStream implements FrameStream {
  readonly #call: ClientDuplexStream<Uint8Array, Buffer>;
  readonly #writer: GrpcWriter;
  readonly #onEnd: (error?: RelayError) => void;
  #ended = false;

  constructor(
    call: ClientDuplexStream<Uint8Array, Buffer>,
    context: { readonly target: string; readonly token: string },
    listener: FrameListener,
    onEnd: (error?: RelayError) => void,
  ) {
    this.#call = call;
    this.#onEnd = onEnd;
    this.#writer = new GrpcWriter(call, HIGH_WATER, () => {
      if (!this.#ended) listener.drained();
    });
    call.on("data", (frame: Buffer) => {
      if (!this.#ended) listener.frame(frame);
    });
    // The status comes after the last frame, whether it is an error or not; the error event before it says the same.
    let cause: Error | undefined;
    call.on("error", (error) => (cause = error));
    call.on("status", (ended) => {
      if (this.#ended) return onEnd();
      this.#ended = true;
      onEnd();
      listener.ended(ended.code === status.OK ? undefined : grpcError(ended, context, cause));
    });
  }

  send(frame: Uint8Array): boolean {
    return this.#ended || this.#writer.write(frame);
  }

  end(error?: RelayError): void {
    if (this.#ended) return;
    this.#ended = true;
    if (error === undefined) {
      // Read to its end, or the status never comes; and from a relay that is gone it never comes anyway.
      this.#call.resume();
      this.#call.end();
      const timer = setTimeout(() => this.#call.cancel(), FAREWELL_MS).unref();
      this.#call.on("status", () => clearTimeout(timer));
    } else {
      this.#call.cancel();
      this.#onEnd(error);
    }
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }
}
