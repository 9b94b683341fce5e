import type { Transport } from "@parley/core";
import { checkOption, rejectUnknownOptions, type OptionCheck } from "@parley/core/eager";
import type { CredentialsClientOptions } from "@parley/credentials-client";
import type { Config as AgentConfig, ClientOptions, Endpoint } from "@parley/didcomm-agent";
import { PhoenixTransport } from "@parley/transport-phoenix";

/**
 * Where an agent connects and as whom. `nodeUrl`, `apiKey` and `agentDid` come from the environment where they are missing or empty:
 * `LAYR8_NODE_URL`, `LAYR8_API_KEY`, `LAYR8_AGENT_DID`.
 */
export interface Config extends ClientOptions {
  /** The node's WebSocket URL, such as `ws://127.0.0.1:4000/plugin_socket/websocket`, or its origin, `http://127.0.0.1:4000`. */
  readonly nodeUrl?: string | undefined;
  /** The key that the node gave out. */
  readonly apiKey?: string | undefined;
  /**
   * What carries the messages: a function that makes it, or a transport that several clients share, so that many DIDs use one socket.
   * Default: Phoenix Channels over a WebSocket of its own.
   */
  readonly transport?: Transport | ((endpoint: Endpoint) => Transport);
  /** How the calls about credentials are made: time limits, retries, TLS. */
  readonly credentials?: CredentialsOptions;
}

type CredentialsOptions = Omit<CredentialsClientOptions, "nodeUrl" | "apiKey" | "did">;

const OPTIONS: readonly (keyof Config)[] = [
  "nodeUrl",
  "apiKey",
  "agentDid",
  "transport",
  "credentials",
  "maxConcurrentHandlers",
  "maxQueuedMessages",
  "duplicateMemory",
  "requestTimeoutMs",
  "closeGraceMs",
  "exposeErrors",
];

const CREDENTIALS_OPTIONS: readonly (keyof CredentialsOptions)[] = ["timeoutMs", "maxConnections", "headers", "tls", "retry", "limits"];

/**
 * Fills in from the environment what is missing.
 *
 * @throws TypeError naming an unknown option, or what is neither given nor in the environment.
 */
export function fromEnvironment(config: Config): AgentConfig {
  if (typeof config !== "object" || config === null) {
    throw new TypeError("A client needs a Config as its first argument; {} takes everything from the environment");
  }
  rejectUnknownOptions(config, OPTIONS);
  rejectUnknownOptions(config.credentials, CREDENTIALS_OPTIONS, "credentials.");
  const { nodeUrl, apiKey, agentDid, transport, credentials: _, ...options } = config;
  const did = agentDid || didFromEnvironment();
  const client = did ? { ...options, agentDid: did } : options;
  if (typeof transport === "object") return { ...client, transport };
  return {
    ...client,
    ...endpointFromEnvironment({ nodeUrl, apiKey }),
    transport: transport ?? ((endpoint) => new PhoenixTransport(endpoint)),
  };
}

/** Checked here, so that the error names the variable: nothing in the program has this value. It is not shown, as it may be a key. */
function didFromEnvironment(): string | undefined {
  const did = process.env["LAYR8_AGENT_DID"]?.trim();
  if (did && !did.startsWith("did:"))
    throw new TypeError('LAYR8_AGENT_DID must be a DID such as "did:web:example.com:alice", or not be set');
  return did;
}

/** Where the node is, from the environment where it isn't given. @throws TypeError naming what is in neither place. */
export function endpointFromEnvironment({ nodeUrl, apiKey }: Pick<Config, "nodeUrl" | "apiKey">): Endpoint {
  return {
    nodeUrl: required(nodeUrl, "nodeUrl", "LAYR8_NODE_URL", "such as ws://127.0.0.1:4000/plugin_socket/websocket"),
    apiKey: required(apiKey, "apiKey", "LAYR8_API_KEY", "the key that your node gave you"),
  };
}

const IS_STRING: OptionCheck = { expected: "a string", is: (value) => typeof value === "string" };

function required(value: string | undefined, member: string, variable: string, what: string): string {
  checkOption(`Config.${member}`, value, IS_STRING);
  // A line break that was pasted with a value, or read with it from a file, belongs to neither.
  const found = (value || process.env[variable])?.trim();
  if (found) return found;
  throw new TypeError(`Config.${member} is missing: pass it or set ${variable}, ${what}`);
}
