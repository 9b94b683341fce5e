import { readFile } from "node:fs/promises";
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  type MethodDefinition,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { closeAll } from "@parley/core/internal";
import { Connections, forwardedAddress, listenError, probePort, type ProxyTrust } from "@parley/server-kit";
import { type FrameStream, RelayError, type UnaryMethod } from "@parley/skytale-relay";
import { asBuffer, asIs, contract, GrpcWriter, statusOf } from "@parley/skytale-relay/internal";
import { healthService } from "./health.ts";
import { guardHttp2, type Http2Guard } from "./http2-guard.ts";
import { reflectionServices } from "./reflection.ts";
import type { Relay } from "./relay.ts";

/** Options of {@link listenGrpc}. */
export interface GrpcListenOptions {
  /** Port to listen on; `0` takes a free one. */
  readonly port: number;
  /** Address to bind. Default `127.0.0.1`: reachable from this machine only. */
  readonly host?: string;
  /** Additional condition of the health checks, such as working storage. Default: always true. */
  readonly isServing?: () => Promise<boolean>;
  /** PEM files of the certificate chain and its private key. Omitted: plaintext, for use on this machine or behind a TLS proxy. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** The proxies whose `X-Forwarded-For` is trusted. Default: none. */
  readonly trustsProxy?: ProxyTrust;
  /** A connection was dropped, and why. */
  readonly onDropped?: (reason: string) => void;
}

/** A relay that listens. */
export interface GrpcListener extends AsyncDisposable {
  readonly port: number;
  /** `http://` or `https://`, host and port: what a client connects to. */
  readonly url: string;
  /** Closes the relay, sends its pending responses, and frees the port. Idempotent. */
  close(): Promise<void>;
}

/** Bytes written but not yet on the wire beyond which a session holds back deliveries. */
const HIGH_WATER = 256 * 1024;
/** Time for remaining calls to end after the relay has closed, in milliseconds. */
const SHUTDOWN_MS = 1000;
/** How often connections that are of no use are searched for, in milliseconds. */
const SWEEP_MS = 2500;

const UNARY: readonly UnaryMethod[] = ["FetchRange", "GetHeads", "FetchWelcomes", "AckWelcomes"];

/**
 * Serves a relay by gRPC, with health checks and server reflection.
 *
 * @throws The system's error when the port is taken or a file can't be read.
 */
export async function listenGrpc(relay: Relay, options: GrpcListenOptions): Promise<GrpcListener> {
  const { host = "127.0.0.1", tls, isServing = (): Promise<boolean> => Promise.resolve(true) } = options;
  const server = new Server({
    "grpc.max_receive_message_length": relay.limits.maxFrameBytes,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": 1000,
    // Statistics of each connection and call, which nothing here reads.
    "grpc.enable_channelz": 0,
  });
  const service = `/${contract.RelayService.typeName}/`;
  const { onDropped = (): void => undefined, trustsProxy = (): boolean => false } = options;
  const isProxy = (address: string): boolean => trustsProxy(address, 0);
  const connections = new Connections({ max: relay.limits.maxConnections, isProxy, onDropped });
  let guard: Http2Guard | undefined;
  const addressOf = (call: AnyCall): string => clientOf(call, trustsProxy);
  const onIdentified = (peer: string, accountId: string): void => {
    connections.identified(peer, accountId);
    guard?.identified(peer);
  };
  server.addService({ Connect: raw(`${service}Connect`, true) }, { Connect: connect(relay, onIdentified, addressOf) });
  for (const method of UNARY) {
    server.addService({ [method]: raw(service + method, false) }, { [method]: unary(relay, method, onIdentified, addressOf) });
  }
  const health = healthService(async () => relay.serving && (await isServing()));
  server.addService(health.definition, health.implementation);
  for (const { definition, implementation } of reflectionServices()) server.addService(definition, implementation);
  const credentials = tls === undefined ? ServerCredentials.createInsecure() : await tlsCredentials(tls);
  try {
    // grpc-js prints a line of its own about a port that is taken, and its error hides why.
    if (options.port !== 0) await probePort(host.replace(/^\[|\]$/g, ""), options.port);
  } catch (error) {
    throw listenError(error, { host, port: options.port, option: "relayPort" });
  }
  const bindHost = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const port = await bind(server, `${bindHost}:${options.port}`, credentials);
  guard = guardHttp2(server, connections, () => onDropped("resets"));
  // A client that is sent away would come again on its connection.
  const sendAway = async (): Promise<void> => {
    if (await relay.isCutOff()) server.drain(`${bindHost}:${port}`, SHUTDOWN_MS);
  };
  const sweeper = setInterval(() => {
    connections.sweep();
    void sendAway();
  }, SWEEP_MS).unref();
  const urlHost = host.includes(":") ? `[${host}]` : host;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= shutDown(server, relay, () => {
      clearInterval(sweeper);
      health.stop();
    }));
  return { port, url: `${tls === undefined ? "http" : "https"}://${urlHost}:${port}`, close, [Symbol.asyncDispose]: close };
}

async function tlsCredentials(tls: { readonly certFile: string; readonly keyFile: string }): Promise<ServerCredentials> {
  const [cert_chain, private_key] = await Promise.all([readFile(tls.certFile), readFile(tls.keyFile)]);
  return ServerCredentials.createSsl(null, [{ cert_chain, private_key }]);
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

async function shutDown(server: Server, relay: Relay, stopHealth: () => void): Promise<void> {
  await closeAll(
    stopHealth,
    () => relay.close(),
    () => endCalls(server),
  );
}

/** Waits for pending calls for a limited time, and frees the port. */
async function endCalls(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, SHUTDOWN_MS);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A method whose messages are bytes: what they hold is read and written elsewhere. */
function raw(path: string, streams: boolean): MethodDefinition<Buffer, Uint8Array> {
  return {
    path,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asBuffer,
    responseDeserialize: asIs,
  };
}

/** Called when it is known whose connection a peer is. */
type OnIdentified = (peer: string, accountId: string) => void;

function connect(relay: Relay, onIdentified: OnIdentified, addressOf: AddressOf): handleBidiStreamingCall<Buffer, Uint8Array> {
  return (call) => {
    // Sent immediately, so that a client sees that the stream is open.
    call.sendMetadata(new Metadata());
    const stream = new GrpcServerStream(call);
    const peer = call.getPeer();
    const listener = relay.accept(tokenOf(call.metadata), stream, (accountId) => onIdentified(peer, accountId), addressOf(call));
    stream.onDrained = () => listener.drained();
    stream.onSent = (bytes) => listener.sent?.(bytes);
    call.on("data", (frame: Buffer) => listener.frame(frame));
    let over = false;
    const ended = (): void => {
      if (over) return;
      over = true;
      stream.gone();
      listener.ended();
    };
    call.on("cancelled", ended);
    call.on("error", ended);
    // The client has closed its side in peace.
    call.on("end", () => {
      stream.end();
      ended();
    });
  };
}

function unary(relay: Relay, method: UnaryMethod, onIdentified: OnIdentified, addressOf: AddressOf): handleUnaryCall<Buffer, Uint8Array> {
  return (call, callback) => {
    const abort = new AbortController();
    call.on("cancelled", () => abort.abort());
    const identified = (accountId: string): void => onIdentified(call.getPeer(), accountId);
    void answer(relay, method, { call, signal: abort.signal, onIdentified: identified, address: addressOf(call) }, callback);
  };
}

interface UnaryCall {
  readonly call: ServerUnaryCall<Buffer, Uint8Array>;
  readonly signal: AbortSignal;
  readonly onIdentified: (accountId: string) => void;
  readonly address: string;
}

async function answer(
  relay: Relay,
  method: UnaryMethod,
  { call, signal, onIdentified, address }: UnaryCall,
  callback: sendUnaryData<Uint8Array>,
): Promise<void> {
  let response: Uint8Array;
  try {
    response = await relay.call(method, call.request, {
      token: tokenOf(call.metadata),
      signal,
      onIdentified,
      address,
    });
  } catch (error) {
    const { code, message } = error instanceof RelayError ? error : new RelayError("internal", "The relay failed");
    return callback({ code: statusOf(code), details: message });
  }
  callback(null, response);
}

type AnyCall = Pick<ServerUnaryCall<Buffer, Uint8Array>, "getPeer" | "metadata">;
/** The address of the client that made a call. */
type AddressOf = (call: AnyCall) => string;

/** The address of a call's client. Its peer is the address and the port of the client, or of a proxy. */
function clientOf(call: AnyCall, trustsProxy: ProxyTrust): string {
  const address = call
    .getPeer()
    .replace(/:\d+$/, "")
    .replaceAll(/^\[|\]$/g, "");
  return forwardedAddress(address, call.metadata.get("x-forwarded-for").join(","), trustsProxy);
}

/** The token of `authorization: Bearer …`; empty, and so invalid, if it is missing. */
function tokenOf(metadata: Metadata): string {
  const [value] = metadata.get("authorization");
  return typeof value === "string" ? (/^bearer +(\S+)$/i.exec(value)?.[1] ?? "") : "";
}

class GrpcServerStream implements FrameStream {
  onDrained: () => void = () => undefined;
  onSent: (bytes: number) => void = () => undefined;
  readonly #call: ServerDuplexStream<Buffer, Uint8Array>;
  readonly #writer: GrpcWriter;
  #ended = false;

  constructor(call: ServerDuplexStream<Buffer, Uint8Array>) {
    this.#call = call;
    const drained = (): void => {
      if (!this.#ended) this.onDrained();
    };
    this.#writer = new GrpcWriter(call, HIGH_WATER, drained, (bytes) => this.onSent(bytes));
  }

  send(frame: Uint8Array): boolean {
    return this.#ended || this.#writer.write(frame);
  }

  end(error?: RelayError): void {
    if (this.#ended) return;
    this.#ended = true;
    if (error === undefined) this.#call.end();
    else this.#call.emit("error", { code: statusOf(error.code), details: error.message });
  }

  /** Called when the client has disconnected. */
  gone(): void {
    this.#ended = true;
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }
}
