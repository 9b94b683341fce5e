import { rejectUnknownOptions } from "@parley/core/internal";
import { checkPort } from "../internal/arguments.ts";
import type { EnvelopePort } from "../port.ts";
import { ClientWire } from "./client-wire.ts";
import { ListenerWire } from "./listener-wire.ts";
import { McpSession, type McpSessionLimits } from "./session.ts";

/** Options of {@link McpChannelTransport}. */
export interface McpChannelTransportOptions extends McpSessionLimits {
  /** `"server"` serves the first client that comes, and no other; see {@link McpChannelServer} for many. Default `"client"`. */
  readonly role?: "client" | "server";
  /** Client: the server to ask for, by its name. Server: its name. Needed where a channel has several servers. */
  readonly server?: string;
  /**
   * The only party to talk to, by the `sender` that the channel proves. Without it, a client takes the first server that answers and stays
   * with it; any member of the channel can be that.
   */
  readonly peer?: string;
}

const KNOWN = ["role", "server", "peer", "maxMessageBytes", "maxBuffered", "maxBufferedBytes"];
const ROLES: ReadonlySet<unknown> = new Set([undefined, "client", "server"]);

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
  /** @throws TypeError this is no port, or an option that there isn't. */
  constructor(port: EnvelopePort, options: McpChannelTransportOptions = {}) {
    checkPort(port);
    rejectUnknownOptions(options, KNOWN);
    if (!ROLES.has(options.role)) throw new TypeError('role must be "client" or "server"');
    super((sink) => (options.role === "server" ? new ListenerWire(port, options, sink) : new ClientWire(port, options, sink)), options);
  }
}
