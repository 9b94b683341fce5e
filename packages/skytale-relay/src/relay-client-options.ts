import type { ParleyError } from "@parley/core";
import { readNumbers, rejectUnknownOptions } from "@parley/core/internal";
import { parseEndpoint } from "./endpoint.ts";
import type { TokenProvider } from "./token-source.ts";
import type { RelayTransport } from "./transport.ts";

/** Events of a client's link. Listeners must not throw. */
export interface RelayClientEvents {
  /** The link is open: subscriptions resume, and queued messages are published. */
  onConnected(): void;
  /** The link was lost or could not be opened. The client reconnects, unless the error is not retryable. */
  onDisconnected(reason: ParleyError): void;
}

/** Limits and timeouts of a client. The defaults suit one agent. */
export interface RelayClientLimits {
  /** Messages in flight: sent and not yet acknowledged. Default 1,024. Values above 10,000 do not increase throughput. */
  readonly maxInFlight: number;
  /** Bytes of the messages in flight. Default 4 MiB. */
  readonly maxInFlightBytes: number;
  /** Messages not yet recorded, in flight or queued; further ones are rejected. Default 10,000. */
  readonly maxQueued: number;
  /** Bytes of the messages not yet recorded. Default 64 MiB. */
  readonly maxQueuedBytes: number;
  /** Timeout of opening the stream, in milliseconds. Default 10,000. */
  readonly openTimeoutMs: number;
  /** Timeout of a unary call, in milliseconds. Default 15,000. */
  readonly callTimeoutMs: number;
  /** Timeout of the token provider, in milliseconds. Default 15,000. */
  readonly tokenTimeoutMs: number;
  /** Interval between pings, in milliseconds. Default 15,000; shorter if the relay's idle timeout requires it. */
  readonly pingAfterMs: number;
  /** Timeout of a ping, in milliseconds. Any frame counts as its response. Default 10,000. */
  readonly pingTimeoutMs: number;
  /** First delay before a reconnect, in milliseconds; it doubles, with jitter. Default 200. */
  readonly initialBackoffMs: number;
  /** Longest delay before a reconnect, in milliseconds. Default 30,000. */
  readonly maxBackoffMs: number;
}

/** Options of {@link RelayClient}. Exactly one of `url` and `transport` is required. */
export interface RelayClientOptions {
  /**
   * Address of the relay: `https://host[:port]` or `grpcs://` with TLS, `http://` or `grpc://` without TLS. Without a scheme, TLS is used
   * except for loopback addresses. Default port 5000.
   */
  readonly url?: string;
  /** CA certificates in PEM to trust instead of the system's. */
  readonly ca?: Uint8Array;
  /** A transport to use instead of `url`, such as that of `connectInMemory`. The client closes it. */
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

/**
 * Checks the options of a client as given. Needs no gRPC, so that other packages can check options before they load a client.
 *
 * @throws TypeError naming what is unknown, missing or invalid
 */
export function checkRelayOptions(options: RelayClientOptions): void {
  if (typeof options !== "object" || options === null) throw new TypeError("RelayClient needs an options object with url and token");
  rejectUnknownOptions(options, ["url", "ca", "transport", "token", "events", "limits"]);
  const { url, transport, token, limits } = options;
  readLimits(limits);
  if (typeof token !== "function") throw new TypeError("A relay client needs token: a function that returns a token or a promise of one");
  if ((url === undefined) === (transport === undefined)) throw new TypeError("A relay client needs either a url or a transport");
  if (url !== undefined && typeof url !== "string") throw new TypeError("The relay's address must be a string");
  if (url !== undefined) parseEndpoint(url);
}
