import { checkAdapterOptions, readPortArguments } from "../internal/arguments.ts";
import type { EnvelopeChannels, EnvelopePort } from "../port.ts";
import { ClientWire } from "./client-wire.ts";
import { ListenerWire } from "./listener-wire.ts";
import { McpSession, type McpSessionLimits, type SessionSink, type SessionWire } from "./session.ts";
import { UndecidedWire } from "./undecided-wire.ts";

/** Options of {@link McpChannelTransport}. */
export interface McpChannelTransportOptions extends McpSessionLimits {
  /**
   * Which end of the session this is. `"server"` serves the first client that comes, and no other; see {@link McpChannelServer} for many.
   * Default: the end that writes first is the client, the other one the server. Set it where a channel has several clients.
   */
  readonly role?: "client" | "server";
  /** Client: the server to ask for, by its name. Server: its name. Needed where a channel has several servers. */
  readonly server?: string;
  /**
   * The only party to talk to, by its name (`sender`). Without it, a client takes the first server that answers and stays
   * with it; any member of the channel can be that.
   */
  readonly peer?: string;
  /** The same by its key (`senderKey`), which is proved where a name may be claimed. With both, both must be right. */
  readonly peerKey?: string;
}

const KNOWN = ["role", "server", "peer", "peerKey", "maxMessageBytes", "maxBuffered", "maxBufferedBytes"];

/**
 * MCP over a channel: a transport for the official `Client` or `Server`, of `@modelcontextprotocol/sdk` and of
 * `@modelcontextprotocol/client` and `/server` alike. On its own it reads and writes JSON-RPC messages.
 *
 * A link that drops ends nothing: requests in flight get their answers after it is back, or time out in the SDK. A request that is sent
 * while the link is down fails with the port's error. When the port ends for good, so does the session, and with it what is in flight.
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
   * An end of a session on a channel: its port, or an agent's channels and its name, which is opened with the first use.
   *
   * @throws TypeError for wrong arguments or unknown options.
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
    super((sink) => wireOf(role, port, options, sink), options);
  }
}

function wireOf(
  role: McpChannelTransportOptions["role"],
  port: EnvelopePort,
  options: McpChannelTransportOptions,
  sink: SessionSink,
): SessionWire {
  if (role === "client") return new ClientWire(port, options, sink);
  if (role === "server") return new ListenerWire(port, options, sink);
  return new UndecidedWire(port, {
    client: (own) => new ClientWire(own, options, sink),
    server: (own) => new ListenerWire(own, options, sink),
    end: (error) => sink.end(error),
  });
}
