import type { ParleyError } from "@parley/core";
import { readNumbers, rejectUnknownOptions } from "@parley/core/internal";
import { parseEndpoint } from "./endpoint.ts";
import { grpcTransport } from "./grpc-transport.ts";
import type { TokenProvider } from "./token-source.ts";
import type { RelayTransport } from "./transport.ts";

/** What a client reports about its link. Listeners must not throw. */
export interface RelayClientEvents {
  /** The link is up: subscriptions go on where they were, and what waits is published. */
  onConnected(): void;
  /** The link is lost, or could not be opened. The client tries again by itself; after an error that isn't retryable it does not. */
  onDisconnected(reason: ParleyError): void;
}

/** Caps and times of a client. Every one has a default that suits one agent. */
export interface RelayClientLimits {
  /** Messages that are sent but not answered. Default 1,024. More than 10,000 gain nothing. */
  readonly maxInFlight: number;
  /** Bytes of them. Default 4 MiB. */
  readonly maxInFlightBytes: number;
  /** Messages that wait to be recorded, sent or not; further ones are refused. Default 10,000. */
  readonly maxQueued: number;
  /** Bytes of them. Default 64 MiB. */
  readonly maxQueuedBytes: number;
  /** Wait for the relay to open the stream, in milliseconds. Default 10,000. */
  readonly openTimeoutMs: number;
  /** Wait for the answer to a single call, in milliseconds. Default 15,000. */
  readonly callTimeoutMs: number;
  /** Wait for a token, in milliseconds. Default 15,000. */
  readonly tokenTimeoutMs: number;
  /** Pause between pings, in milliseconds. Default 15,000; shorter when the relay's idle timeout demands it. */
  readonly pingAfterMs: number;
  /** Wait for a sign of life after a ping, in milliseconds. Default 10,000. */
  readonly pingTimeoutMs: number;
  /** First wait before another attempt to connect, in milliseconds; it doubles, with jitter. Default 200. */
  readonly initialBackoffMs: number;
  /** Longest such wait, in milliseconds. Default 30,000. */
  readonly maxBackoffMs: number;
}

/** Options of {@link RelayClient}. Either `url` or `transport` is needed. */
export interface RelayClientOptions {
  /**
   * Address of the relay: `https://host[:port]` or `grpcs://` with TLS, `http://` or `grpc://` without; without a scheme TLS is used
   * except to this machine. Default port 5000.
   */
  readonly url?: string;
  /** Certificates in PEM to trust instead of the system's. */
  readonly ca?: Uint8Array;
  /** A wire of one's own in place of `url`, such as that of `connectInMemory`. The client closes it. */
  readonly transport?: RelayTransport;
  readonly token: TokenProvider;
  readonly events?: Partial<RelayClientEvents>;
  readonly limits?: Partial<RelayClientLimits>;
}

/** @param name what the limits are called in messages. @throws TypeError */
export function readLimits(limits: Partial<RelayClientLimits> = {}, name = "limits"): RelayClientLimits {
  const defaults: RelayClientLimits = {
    maxInFlight: 1024,
    maxInFlightBytes: 4 * 1024 * 1024,
    maxQueued: 10_000,
    maxQueuedBytes: 64 * 1024 * 1024,
    openTimeoutMs: 10_000,
    callTimeoutMs: 15_000,
    tokenTimeoutMs: 15_000,
    pingAfterMs: 15_000,
    pingTimeoutMs: 10_000,
    initialBackoffMs: 200,
    maxBackoffMs: 30_000,
  };
  return readNumbers(name, defaults, limits);
}

/** @throws TypeError for an unknown option, or missing options */
export function checkOptions(options: RelayClientOptions): void {
  if (typeof options !== "object" || options === null) throw new TypeError("RelayClient takes an options object with url and token");
  rejectUnknownOptions(options, ["url", "ca", "transport", "token", "events", "limits"]);
}

/** @throws TypeError */
export function transportOf({ url, transport, ca, token }: RelayClientOptions): RelayTransport {
  if (typeof token !== "function") throw new TypeError("A relay client needs token: a function that gives a token, or a promise of one");
  if ((url === undefined) === (transport === undefined)) throw new TypeError("A relay client needs a url or a transport, and not both");
  if (url !== undefined && typeof url !== "string") throw new TypeError("The relay's address must be a string");
  return transport ?? grpcTransport({ ...parseEndpoint(url ?? ""), ca });
}
