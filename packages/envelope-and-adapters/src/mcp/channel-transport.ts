import { checkAdapterOptions, readPortArguments } from "../internal/arguments.ts";
import type { EnvelopeChannels, EnvelopePort } from "../port.ts";
import { ClientConnection } from "./client-connection.ts";
import { ServerConnection } from "./server-connection.ts";
import { McpSession, type McpSessionOptions, type SessionSink, type SessionConnection } from "./session.ts";
import { RoleDetectingConnection } from "./role-detecting-connection.ts";

/** Options of {@link McpChannelTransport}. */
export interface McpChannelTransportOptions extends McpSessionOptions {
  /**
   * The role in the session. `"server"` serves only the first client that connects; see {@link McpChannelServer} for several. Default: the end
   * that writes first is the client, the other one is the server. Set it if a channel has several clients.
   */
  readonly role?: "client" | "server";
  /** Client: name of the server to connect to. Server: its name. Required if a channel has several servers. */
  readonly server?: string;
  /**
   * The only party to communicate with, by name (`sender`). Without it, a client uses the first server that answers, which can be any member of
   * the channel.
   */
  readonly peer?: string;
  /** The same by key (`senderKey`), which the channel authenticates. With both, both must match. */
  readonly peerKey?: string;
}

const KNOWN = ["role", "server", "peer", "peerKey", "maxMessageBytes", "maxBuffered", "maxBufferedBytes", "telemetry"];

/**
 * A transport for MCP over a channel, for the official `Client` or `Server` of `@modelcontextprotocol/sdk`, or of
 * `@modelcontextprotocol/client` and `/server`. Without an SDK, it reads and writes JSON-RPC messages.
 *
 * After a lost connection is restored, requests in flight receive their answers, unless they time out in the SDK. A request that is sent while
 * the connection is down fails with the port's error. When the port ends, the session and its requests in flight end too.
 *
 * @example
 * ```ts
 * import { McpChannelTransport } from "@parley/envelope-and-adapters/mcp";
 * import { createMemoryPorts } from "@parley/envelope-and-adapters/memory";
 *
 * const [ours] = createMemoryPorts(["client", "server"]);
 * await using transport = new McpChannelTransport(ours);
 * await transport.write({ jsonrpc: "2.0", method: "ping", id: 1 });
 * ```
 */
export class McpChannelTransport extends McpSession {
  /**
   * Creates one end of a session on a channel, given as its port, or as an agent's channels and its name. The channel is opened on first use.
   *
   * @throws TypeError an argument or option is invalid
   */
  constructor(channels: Pick<EnvelopeChannels, "open">, channel: string, options?: McpChannelTransportOptions);
  constructor(port: EnvelopePort, options?: McpChannelTransportOptions);
  constructor(
    of: EnvelopePort | Pick<EnvelopeChannels, "open">,
    channelOrOptions?: string | McpChannelTransportOptions,
    channelOptions?: McpChannelTransportOptions,
  ) {
    const { port, options = {} } = readPortArguments(of, channelOrOptions, channelOptions);
    checkAdapterOptions(options, KNOWN);
    const { role } = options;
    if (role !== undefined && role !== "client" && role !== "server") {
      throw new TypeError(`role must be "client" or "server", not ${JSON.stringify(role)}`);
    }
    super((sink) => createConnection(role, port, options, sink), options);
  }
}

function createConnection(
  role: McpChannelTransportOptions["role"],
  port: EnvelopePort,
  options: McpChannelTransportOptions,
  sink: SessionSink,
): SessionConnection {
  if (role === "client") return new ClientConnection(port, options, sink);
  if (role === "server") return new ServerConnection(port, options, sink);
  return new RoleDetectingConnection(port, {
    client: (own) => new ClientConnection(own, options, sink),
    server: (own) => new ServerConnection(own, options, sink),
    end: (error) => sink.end(error),
  });
}
