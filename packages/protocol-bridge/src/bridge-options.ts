import type { Telemetry } from "@parley/core";
import { checkOption, IS_TELEMETRY, rejectUnknownOptions } from "@parley/core/internal";
import type { EnvelopePort } from "@parley/envelope-and-adapters";
import type { ToolCall } from "./a2a-to-mcp/tool.ts";
import type { BridgeError } from "./bridge-error.ts";
import type { A2aMessageJson } from "./formats/a2a-message.ts";
import { isText } from "./internal/json.ts";
import { MAX_HOPS } from "./trace/trace.ts";

/** A port with a name. Message ids are derived from the name: keep it across restarts, so that redelivered messages are recognized. */
export interface NamedPort {
  readonly name: string;
  readonly port: EnvelopePort;
}

/** Options of {@link ProtocolBridge.bridge}. */
export interface BridgeOptions {
  /** Bridges that a message can cross, including this one. 1 to 32. Default 8. */
  readonly maxHops?: number;
  /** Bytes of one message, before and after translation. Default 4194304 (4 MiB). */
  readonly maxMessageBytes?: number;
  /** Sends in flight at the same time. Default 32. With 1, each send waits for the one before it. */
  readonly window?: number;
  /**
   * The bridge's name among A2A agents and in MCP. From A2A to MCP, official clients call it at `a2a-channel://<agent>`; from MCP to MCP, it is the
   * bridge's name as a server. Keep it across
   * restarts. Agents that bridge the same two channels, and bridges with the same source, need different names. Default `bridge`.
   */
  readonly agent?: string;
  /** The A2A context of forwarded messages. Default: the channel's context if its name is `<org>/a2a/<context>`, else the message's own. */
  readonly contextId?: string;
  /** A2A to MCP: the tool to call, or a function that selects it. Default: the tool that the message names, else the server's only tool. */
  readonly tool?: string | ((message: A2aMessageJson) => ToolCall | undefined);
  /** A2A or MCP to MCP: the name of the MCP server to connect to. MCP to A2A: the bridge's own name as a server. */
  readonly server?: string;
  /** A2A and MCP: the only party of the target whose messages are accepted, by name (`sender`). Default: the first that answers. */
  readonly peer?: string;
  /** The same by key (`senderKey`), which the channel authenticates. With both, both must match. */
  readonly peerKey?: string;
  /** A2A and MCP: milliseconds until a call without an answer is answered with an error. Default 60000. */
  readonly answerTimeoutMs?: number;
  /** A2A and MCP: messages that wait for answers, and as many calls of official clients; at most 64 of one party each. 1 to 512. Default 256. */
  readonly maxPending?: number;
  /**
   * Receives and discards everything that arrives at a target which sends no answers. For an agent that does not read that channel otherwise,
   * so that its inbox doesn't fill up. Default `false`.
   */
  readonly drainTarget?: boolean;
  /**
   * Receives a span for each message that is forwarded, such as `otel()` of `@parley/otel`. Default: none.
   */
  readonly telemetry?: Telemetry;
  /** Called for each message that is skipped and for each delay. Must not throw. */
  readonly onError?: (error: BridgeError) => void;
  /** Called if the bridge ends without `stop`, with the reason. Must not throw. */
  readonly onEnd?: (reason: BridgeError) => void;
}

const DEFAULTS = { maxHops: 8, maxMessageBytes: 4_194_304, window: 32, agent: "bridge", answerTimeoutMs: 60_000, maxPending: 256 };

/** {@link BridgeOptions} with their defaults. */
export type BridgeSettings = BridgeOptions & Required<Pick<BridgeOptions, keyof typeof DEFAULTS>>;

const KNOWN = [...Object.keys(DEFAULTS), "contextId", "tool", "server", "peer", "peerKey", "drainTarget", "telemetry", "onError", "onEnd"];

/**
 * Checks options and applies the defaults.
 *
 * @throws TypeError naming the option that is unknown or invalid
 */
export function readBridgeOptions(options: BridgeOptions): BridgeSettings {
  rejectUnknownOptions(options, KNOWN);
  const settings = { ...DEFAULTS, ...options };
  for (const name of ["maxHops", "maxMessageBytes", "window", "answerTimeoutMs", "maxPending"] as const) {
    if (!Number.isSafeInteger(settings[name]) || settings[name] < 1) throw new TypeError(`${name} must be a positive integer`);
  }
  if (settings.maxHops > MAX_HOPS) throw new TypeError(`maxHops must be at most ${MAX_HOPS}`);
  if (settings.maxPending > 512) throw new TypeError("maxPending must be at most 512");
  for (const name of ["agent", "server"] as const) {
    const value = settings[name];
    if (value !== undefined && !/^[\w.-]{1,128}$/.test(value)) {
      throw new TypeError(`${name} must have 1 to 128 letters, digits, dots, underscores or hyphens`);
    }
  }
  for (const name of ["contextId", "peer", "peerKey"] as const) {
    const value: unknown = settings[name];
    if (value !== undefined && (value === "" || !isText(value, 512))) throw new TypeError(`${name} must have 1 to 512 characters`);
  }
  checkOption("telemetry", settings.telemetry, IS_TELEMETRY);
  const tool: unknown = settings.tool;
  if (tool !== undefined && (tool === "" || typeof tool !== "string") && typeof tool !== "function") {
    throw new TypeError("tool must be the name of a tool, or a function");
  }
  return settings;
}
