import { type ClientDuplexStream, Client, credentials, type ChannelCredentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { isLocalhostName } from "@parley/core/internal";
import type { Endpoint } from "./endpoint.ts";
import { grpcError } from "./grpc-error.ts";
import { asBuffer, asIs, GrpcWriter } from "./grpc-writer.ts";
import { RelayError } from "./relay-error.ts";
import type { CallOptions, FrameListener, FrameStream, RelayTransport, UnaryMethod } from "./transport.ts";

const SERVICE = "/skytale.relay.v1.RelayService/";

/** Back-pressure threshold: bytes that are written but not yet sent. */
const HIGH_WATER = 1024 * 1024;

/** Timeout of a graceful end of a stream, in milliseconds. */
const GRACEFUL_END_MS = 1000;

/** Largest frame that is accepted from a relay. A relay's own limits are well below. */
const MAX_FRAME_BYTES = 32 * 1024 * 1024;

/** HTTP/2 flow-control window for incoming data. With the default of 64 KiB, large frames would stall on window updates. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** Options of {@link grpcTransport}. */
export interface GrpcOptions extends Endpoint {
  /** CA certificates in PEM to trust instead of the system's. */
  readonly ca?: Uint8Array | undefined;
}

/** Creates a transport over gRPC. It treats frames as bytes: the caller encodes and decodes them. */
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
      const context = { target: this.address, token };
      let isLate = false;
      const answered = (error: ServiceError | null, response?: Buffer): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        if (signal?.aborted === true) reject(signal.reason);
        else if (error !== null && isLate) reject(grpcError({ code: status.DEADLINE_EXCEEDED, details: "" }, context, error));
        else if (error !== null) reject(grpcError(error, context, error));
        else if (response === undefined) reject(new RelayError("protocol_error", "The relay's response is empty"));
        else resolve(response);
      };
      const call = this.#client.makeUnaryRequest(SERVICE + method, asBuffer, asIs, request, bearer(token), {}, answered);
      const abort = (): void => call.cancel();
      // A deadline of gRPC is a time of the wall clock, which may be set while the call waits.
      const timer = setTimeout(() => {
        isLate = true;
        call.cancel();
      }, timeoutMs);
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
    // The connection may be half-open, and gRPC would use it for the next stream.
    this.#client.close();
    this.#client = connectTo(this.#options);
  }
}

function connectTo({ target, tls, ca }: GrpcOptions): Client {
  const channel: ChannelCredentials = tls ? credentials.createSsl(ca === undefined ? null : asBuffer(ca)) : credentials.createInsecure();
  const resolvable = resolvableTarget(target);
  return new Client(resolvable, channel, {
    // The certificate and the authority are checked against the given address.
    ...(resolvable !== target && { "grpc.default_authority": target, "grpc.ssl_target_name_override": hostOf(target) }),
    "grpc.max_receive_message_length": MAX_FRAME_BYTES,
    "grpc.max_send_message_length": MAX_FRAME_BYTES,
    "grpc-node.flow_control_window": WINDOW_BYTES,
    "grpc.enable_retries": 0,
    // Statistics of each call, which nothing here reads.
    "grpc.enable_channelz": 0,
    "grpc.enable_http_proxy": 0,
    // The connector has its own backoff; a new stream must connect immediately.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
    // A connection per client, so that closing one client does not affect another.
    "grpc.use_local_subchannel_pool": 1,
  });
}

/** The target to connect to. Subdomains of `localhost` are mapped to `localhost`, because DNS does not resolve them. */
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
    // The status arrives after the last frame, for errors too; the error event before it carries the same information.
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
      // Without reading to the end, the status would never arrive. The timer covers a relay that does not respond.
      this.#call.resume();
      this.#call.end();
      const timer = setTimeout(() => this.#call.cancel(), GRACEFUL_END_MS).unref();
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
