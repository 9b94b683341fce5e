import type { Server } from "node:http";
import { clientAddress, type Connections, type ProxyTrust } from "@parley/server-kit";
import { anonymousConnections } from "../network/anonymous-connections.ts";
import type { NodeEvents } from "../node-events.ts";
import { PhoenixServer } from "./phoenix-server.ts";
import { SocketAuthenticator, type SocketAuthenticatorOptions } from "./socket-authenticator.ts";

/** Malformed frames after which a socket is closed. */
const MAX_MALFORMED = 100;
/** Bytes buffered for a client above which its messages stay in the inbox. */
const HIGH_WATER_MARK = 1024 * 1024;

/** What agents' sockets need of a node. */
export interface PhoenixParts extends Omit<SocketAuthenticatorOptions, "maxSockets"> {
  readonly server: Server;
  readonly events: NodeEvents;
  readonly trustsProxy: ProxyTrust;
  /** Count the connections without an API key. */
  readonly connections: Connections;
}

/** Serves agents on a node's HTTP server. */
export function openPhoenix({ server, trustsProxy, connections, ...parts }: PhoenixParts): PhoenixServer {
  const { limits, clock, events } = parts;
  const maxSockets = Math.max(1, limits.maxConnections - anonymousConnections(limits));
  const authenticator = new SocketAuthenticator({ ...parts, maxSockets });
  return new PhoenixServer(server, {
    limits: {
      maxFrameBytes: limits.maxFrameBytes,
      maxChannels: limits.maxChannelsPerSocket,
      idleTimeoutMs: limits.idleTimeoutMs,
      maxMalformed: MAX_MALFORMED,
      highWaterMark: HIGH_WATER_MARK,
      now: () => clock.monotonic(),
    },
    addressOf: (request) => clientAddress(request, trustsProxy),
    admit: (request) => authenticator.authenticate(request),
    onIdentified: (stream) => connections.release(stream),
    events: events.phoenix,
  });
}
