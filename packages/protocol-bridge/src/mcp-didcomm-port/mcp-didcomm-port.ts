import { parseMessageType, type Message } from "@parley/core";
import { describeKind, rejectUnknownOptions } from "@parley/core/internal";
import type { BridgeError } from "../bridge-error.ts";
import { LazyAgentPort } from "./lazy-agent-port.ts";
import type { McpDidcommClient, McpDidcommPort } from "./mcp-didcomm-client.ts";
import { MCP_BASE } from "./message-types.ts";

/** Options of {@link mcpDidcommPort}. */
export interface McpDidcommPortOptions {
  /** DID of the agent whose MCP server the clients of this port call. Default: none; the port then only receives calls. */
  readonly server?: string;
  /** Whether an agent is allowed to call. Default: all agents whose messages the node delivers. */
  readonly accepts?: (sender: string, message: Message) => boolean;
  /** Base of the message types. Default `https://layr8.io/protocols/mcp/1.0`. */
  readonly base?: string;
  /**
   * Whether `initialize` is sent to the server. With `false`, the port answers it: for servers that handle single methods and ignore others. Servers that
   * reject it need no option. Default `true`.
   */
  readonly initialize?: boolean;
  /** Milliseconds until a request of an agent that no bridge has answered is answered with an error. Default 600000 (10 minutes). */
  readonly answerTimeoutMs?: number;
  /** Called for messages that the port rejects or can't assign. Must not throw. */
  readonly onError?: (error: BridgeError) => void;
}

const KNOWN = ["server", "accepts", "base", "initialize", "answerTimeoutMs", "onError"];

/**
 * Creates a port for [MCP over DIDComm 1.0](https://layr8.io/protocols/mcp/1.0): other agents' calls arrive as MCP envelopes, and MCP envelopes of
 * clients are sent to the server of one agent. So every bridge between MCP and another protocol works with agents too. Call it before the agent
 * connects, because it registers message handlers.
 *
 * Each agent that calls has one session, whose id is its DID. A request is acknowledged to the node when the node has accepted its response, so
 * a restarted bridge receives it again. Notifications and responses are acknowledged when their envelopes are settled.
 *
 * @throws TypeError an argument or option is invalid
 * @throws what the agent throws if the protocol has a handler already, such as `client.mcp()`
 * @example
 * ```ts
 * import { mcpDidcommPort, ProtocolBridge } from "@parley/protocol-bridge";
 * import { Protocol, type EnvelopeChannels } from "@parley/envelope-and-adapters";
 * import { Client, logErrors } from "layr8";
 *
 * async function offerTools(manager: EnvelopeChannels): Promise<void> {
 *   const client = new Client({ agentDid: "did:web:localhost:tools" }, logErrors());
 *   const port = mcpDidcommPort(client);
 *   await client.connect();
 *   const bridge = new ProtocolBridge(manager);
 *   await bridge.bridge({ name: "agents", port }, "org/team/tools", Protocol.MCP, Protocol.MCP, { server: "calculator" });
 * }
 * ```
 */
export function mcpDidcommPort(client: McpDidcommClient, options: McpDidcommPortOptions = {}): McpDidcommPort {
  const isClient = typeof (client as Partial<McpDidcommClient> | undefined)?.handleProtocol === "function";
  if (!isClient) throw new TypeError(`mcpDidcommPort needs a DIDComm client, such as layr8's Client, not ${describeKind(client)}`);
  rejectUnknownOptions(options, KNOWN);
  const { server, accepts = () => true, base = MCP_BASE, initialize = true, answerTimeoutMs = 600_000, onError } = options;
  if (server !== undefined && (typeof server !== "string" || !server.startsWith("did:")))
    throw new TypeError(`Option "server" must be a DID, not ${typeof server === "string" ? JSON.stringify(server) : describeKind(server)}`);
  if (typeof base !== "string" || parseMessageType(`${base}/any`) === undefined)
    throw new TypeError(`Option "base" must be the URI of a protocol, such as ${MCP_BASE}`);
  if (typeof accepts !== "function") throw new TypeError(`Option "accepts" must be a function, not ${describeKind(accepts)}`);
  if (typeof initialize !== "boolean") throw new TypeError(`Option "initialize" must be true or false, not ${describeKind(initialize)}`);
  if (!Number.isSafeInteger(answerTimeoutMs) || answerTimeoutMs < 1) throw new TypeError("answerTimeoutMs must be a positive integer");
  const report = (error: BridgeError): void => {
    try {
      onError?.(error);
    } catch {
      // Errors of listeners are ignored: they must not throw.
    }
  };
  return new LazyAgentPort(client, { server, accepts, base, initialize, answerTimeoutMs, report });
}
