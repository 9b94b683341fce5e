import { rejectUnknownOptions } from "@parley/core/internal";
import type { EnvelopePort } from "@parley/envelope-and-adapters";
import type { A2aMessageJson } from "./formats/a2a-message.ts";
import type { BridgeError } from "./bridge-error.ts";
import { isText } from "./internal/json.ts";
import type { ToolCall } from "./a2a-to-mcp/tool.ts";
import { MOST_HOPS } from "./trace/trace.ts";

/** A port with a name. Names take part in what makes a message known when it comes again: keep them across restarts. */
export interface NamedPort {
  readonly name: string;
  readonly port: EnvelopePort;
}

/** Options of `ProtocolBridge.bridge`. */
export interface BridgeOptions {
  /** Bridges that a message may cross, this one included, of at most 32. Default 8. */
  readonly maxHops?: number;
  /** Bytes of one message, before and after translation. Default 4194304 (4 MiB). */
  readonly maxMessageBytes?: number;
  /** Sends under way at the same time. Default 32; 1 waits for each before the next. */
  readonly window?: number;
  /**
   * What the bridge calls itself among A2A agents and in MCP. A2A to MCP: official clients call it at `a2a-channel://<agent>`. The same after
   * a restart; agents that bridge the same two channels, and bridges with one source, need different names. Default `bridge`.
   */
  readonly agent?: string;
  /** The A2A context that messages are put into. Default: that of the channel, where its name is `<org>/a2a/<context>`; else their own. */
  readonly contextId?: string;
  /** A2A to MCP: the tool that messages call, or what says so. Default: what the message says, or else the server's only tool. */
  readonly tool?: string | ((message: A2aMessageJson) => ToolCall | undefined);
  /** A2A to MCP: the MCP server to ask for, by its name. MCP to A2A: the name that the bridge has as a server. */
  readonly server?: string;
  /** A2A and MCP: the only party of the target that is believed, by its name (`sender`). Default: the first that answers. */
  readonly peer?: string;
  /** The same by its key (`senderKey`), which is proved where a name may be claimed. With both, both must be right. */
  readonly peerKey?: string;
  /** A2A and MCP: milliseconds until a call is answered with an error because nobody else has answered it. Default 60000. */
  readonly answerTimeoutMs?: number;
  /** A2A and MCP: messages that wait for their answers, and as many calls of official clients, 64 of one party each. At most 512. Default 256. */
  readonly maxPending?: number;
  /**
   * Takes and lets go whatever arrives at a target that answers nothing to this bridge. For an agent that does nothing else on that channel,
   * lest what others say there fills its inbox. Default `false`.
   */
  readonly drainTarget?: boolean;
  /** Told of every message that is skipped and of all that delays the bridge. Must not throw. */
  readonly onError?: (error: BridgeError) => void;
  /** Told when the bridge is over without `stop`, and why. Must not throw. */
  readonly onEnd?: (reason: BridgeError) => void;
}

/** {@link BridgeOptions} with their defaults. */
export interface Settings extends BridgeOptions {
  readonly maxHops: number;
  readonly maxMessageBytes: number;
  readonly window: number;
  readonly agent: string;
  readonly answerTimeoutMs: number;
  readonly maxPending: number;
}

const DEFAULTS = { maxHops: 8, maxMessageBytes: 4_194_304, window: 32, agent: "bridge", answerTimeoutMs: 60_000, maxPending: 256 };

const KNOWN = [...Object.keys(DEFAULTS), "contextId", "tool", "server", "peer", "peerKey", "drainTarget", "onError", "onEnd"];

/** @throws TypeError naming the option that is unknown or makes no sense */
export function readOptions(options: BridgeOptions): Settings {
  rejectUnknownOptions(options, KNOWN);
  const settings = { ...DEFAULTS, ...options };
  for (const name of ["maxHops", "maxMessageBytes", "window", "answerTimeoutMs", "maxPending"] as const) {
    if (!Number.isSafeInteger(settings[name]) || settings[name] < 1) throw new TypeError(`${name} must be a whole number from 1`);
  }
  if (settings.maxHops > MOST_HOPS) throw new TypeError(`maxHops must be at most ${MOST_HOPS}`);
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
  const tool: unknown = settings.tool;
  if (tool !== undefined && (tool === "" || typeof tool !== "string") && typeof tool !== "function") {
    throw new TypeError("tool must be the name of a tool, or a function");
  }
  return settings;
}
