import type { Transport } from "@parley/core";
import { checkOption, readDurationMs, rejectUnknownOptions, type OptionCheck } from "@parley/core/eager";
import type { CredentialsClientOptions } from "@parley/credentials-client";
import type { Config as AgentConfig, ClientOptions, Endpoint } from "@parley/didcomm-agent";
import { PhoenixTransport } from "@parley/transport-phoenix";
import type { GrantMissInfo } from "./grants.ts";
import { EndToEnd } from "./end-to-end/end-to-end.ts";
import { endToEndSettings, type EndToEndConfig } from "./end-to-end/settings.ts";
import type { MediationConfig, MediationEnvironment } from "./mediation/settings.ts";

/**
 * Where an agent connects and as whom. `nodeUrl`, `apiKey` and `agentDid` come from the environment where they are missing or empty:
 * `LAYR8_NODE_URL`, `LAYR8_API_KEY`, `LAYR8_AGENT_DID`.
 */
export interface Config extends ClientOptions, MediationConfig, EndToEndConfig {
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
  /**
   * Whether the grants in this agent's store on the node are attached to the messages that they cover. Default `true`; `false` with a shared
   * transport, unless `nodeUrl` and `apiKey` are known.
   */
  readonly attachGrants?: boolean;
  /** Called when a message without a grant was denied, when the grants can't be read, and when more cover a message than are attached (16). */
  readonly onGrantMiss?: (miss: GrantMissInfo) => unknown;
  /** How long the grants are cached, in milliseconds: so long a new one can go unnoticed, unless `refreshGrants` is called. Default 60,000. */
  readonly grantCacheMs?: number;
  /** Longest time that a message waits for grants that are not cached, in milliseconds. Then it is sent without them. Default 2,000. */
  readonly grantReadTimeoutMs?: number;
  /** How often the stored credentials are read for `onWalletChange`, in milliseconds, if the node does not announce changes. Default 15,000. */
  readonly walletPollMs?: number;
}

type CredentialsOptions = Omit<CredentialsClientOptions, "nodeUrl" | "apiKey" | "did" | "signingKey">;

const OPTIONS: readonly (keyof Config)[] = [
  "nodeUrl",
  "apiKey",
  "agentDid",
  "parentDid",
  "transport",
  "credentials",
  "maxConcurrentHandlers",
  "maxQueuedMessages",
  "duplicateMemory",
  "requestTimeoutMs",
  "closeGraceMs",
  "exposeErrors",
  "attachGrants",
  "onGrantMiss",
  "grantCacheMs",
  "grantReadTimeoutMs",
  "walletPollMs",
  "mediator",
  "mediatorLive",
  "mediatorCheckMs",
  "didcommUrl",
  "keys",
  "keyStore",
  "resolution",
  "telemetry",
];

const CREDENTIALS_OPTIONS: readonly (keyof CredentialsOptions)[] = ["timeoutMs", "maxConnections", "headers", "tls", "retry", "limits"];

/** The keys of a client that holds them itself; `undefined` if the node does. @throws TypeError naming the option that is wrong. */
export function endToEndOf(config: Config): EndToEnd | undefined {
  if (typeof config !== "object" || config === null) return undefined;
  const settings = endToEndSettings(config, config.nodeUrl || process.env["LAYR8_NODE_URL"]?.trim());
  if (settings === undefined) return undefined;
  if (config.parentDid !== undefined)
    throw new TypeError('Config.parentDid can\'t be combined with keys: "agent": the node derives grants with keys that it holds');
  return new EndToEnd(settings);
}

/**
 * Fills in from the environment what is missing.
 *
 * @param endToEnd the keys of a client that holds them itself.
 * @throws TypeError naming an unknown option, or what is neither given nor in the environment.
 */
export function fromEnvironment(config: Config, endToEnd?: EndToEnd): AgentConfig {
  if (typeof config !== "object" || config === null) {
    throw new TypeError("A client needs a Config as its first argument; {} takes everything from the environment");
  }
  rejectUnknownOptions(config, OPTIONS);
  rejectUnknownOptions(config.credentials, CREDENTIALS_OPTIONS, "credentials.");
  const { nodeUrl, apiKey, agentDid, transport, credentials: _, ...others } = config;
  const {
    attachGrants: _attach,
    onGrantMiss: _miss,
    grantCacheMs: _cache,
    grantReadTimeoutMs: _read,
    walletPollMs: _poll,
    ...more
  } = others;
  const { mediator: _mediator, mediatorLive: _live, mediatorCheckMs: _check, didcommUrl: _url, ...rest } = more;
  const { keys: _keys, keyStore: _store, resolution: _resolution, ...options } = rest;
  const did = agentDid || didFromEnvironment();
  const client = did ? { ...options, agentDid: did } : options;
  if (typeof transport === "object") return { ...client, transport: endToEnd?.over(transport) ?? transport };
  const open = transport ?? ((endpoint) => new PhoenixTransport(endpoint));
  return {
    ...client,
    ...endpointFromEnvironment({ nodeUrl, apiKey }),
    transport: endToEnd === undefined ? open : (endpoint) => endToEnd.over(open(endpoint)),
  };
}

/** The options about a mediator that the environment has. */
export function mediationEnvironment(): MediationEnvironment {
  const read = (name: string): string | undefined => process.env[name]?.trim() || undefined;
  return { mediator: read("LAYR8_MEDIATOR_DID"), mediatorLive: read("LAYR8_MEDIATOR_LIVE"), didcommUrl: read("LAYR8_DIDCOMM_URL") };
}

/** The options about grants, checked. */
export interface GrantSettings {
  readonly onGrantMiss: Config["onGrantMiss"];
  readonly cacheMs: number;
  readonly readTimeoutMs: number;
}

const IS_FUNCTION: OptionCheck = { expected: "a function", is: (value) => typeof value === "function" };
const IS_BOOLEAN: OptionCheck = { expected: "true or false", is: (value) => typeof value === "boolean" };

/** Reads the options about grants; `undefined` if none are to be attached. @throws TypeError naming the option that is wrong. */
export function grantSettings(config: Config): GrantSettings | undefined {
  const { attachGrants, onGrantMiss, grantCacheMs, grantReadTimeoutMs, transport } = config;
  checkOption("Config.attachGrants", attachGrants, IS_BOOLEAN);
  checkOption("Config.onGrantMiss", onGrantMiss, IS_FUNCTION);
  const cacheMs = readDurationMs({ grantCacheMs }, { ms: "grantCacheMs" }, 60_000);
  const readTimeoutMs = readDurationMs({ grantReadTimeoutMs }, { ms: "grantReadTimeoutMs" }, 2000);
  const isShared = typeof transport === "object";
  if (attachGrants === false || (attachGrants === undefined && isShared && !hasEndpoint(config))) return undefined;
  endpointFromEnvironment(config);
  return { onGrantMiss, cacheMs, readTimeoutMs };
}

function hasEndpoint({ nodeUrl, apiKey }: Config): boolean {
  return Boolean((nodeUrl || process.env["LAYR8_NODE_URL"]) && (apiKey || process.env["LAYR8_API_KEY"]));
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
