import type { ConnectOptions, Telemetry, Transport } from "@parley/core";
import { checkOption, IS_TELEMETRY, readDurationMs, rejectUnknownOptions } from "@parley/core/eager";

import { childOf } from "./child-did.ts";
import { requireDid } from "./did-syntax.ts";

/** Where a node is, and what opens it. */
export interface Endpoint {
  /** The node's WebSocket URL, such as `ws://127.0.0.1:4000/plugin_socket/websocket`. */
  readonly nodeUrl: string;
  readonly apiKey: string;
}

/** What can be set about a {@link Client}, whatever its transport. */
export interface ClientOptions {
  /** The DID to be. Without one the node assigns an ephemeral DID at each `connect`. */
  readonly agentDid?: string;
  /**
   * A persistent DID of the same node, whose grants the agent borrows while it is connected. The agent's DID is then ephemeral, and the parent's with one
   * more segment: made once if `agentDid` is missing.
   */
  readonly parentDid?: string;
  /**
   * How many handlers run at a time, from 1. Messages start in the order they came; 1 keeps that order in the replies too. Default 64.
   */
  readonly maxConcurrentHandlers?: number;
  /** How many messages may wait for a handler. Further ones are reported and left to the node's redelivery. Default 10,000. */
  readonly maxQueuedMessages?: number;
  /**
   * How many finished messages are remembered, so that a redelivery does not run the handler again. When the memory is full, its older
   * half is dropped. Default 10,000.
   */
  readonly duplicateMemory?: number;
  /** How long a request waits for its response, in milliseconds; `Infinity` for no limit. Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** How long `close` waits for running handlers, in milliseconds. Default 5,000. */
  readonly closeGraceMs?: number;
  /**
   * For development: problem reports carry the message of whatever a handler threw. Default `false`: they carry the text of a
   * `ProblemReportError`, and a reference for anything else, because errors of libraries often name hosts, users and queries.
   */
  readonly exposeErrors?: boolean;
  /**
   * Receives spans of what the client sends, requests and handles, such as `otel()` of `@parley/otel`. Messages then carry the context of their
   * trace, which their recipients see. Default: none.
   */
  readonly telemetry?: Telemetry;
}

/** A client with a connection of its own. */
export interface EndpointConfig extends ClientOptions, Endpoint {
  /** Makes the transport, once: `(endpoint) => new PhoenixTransport(endpoint)`. */
  readonly transport: (endpoint: Endpoint) => Transport;
}

/** A client on a transport that others use too: many DIDs on one socket. */
export interface SharedTransportConfig extends ClientOptions {
  readonly transport: Transport;
}

/** The checked options of a {@link Client}. */
export type Config = EndpointConfig | SharedTransportConfig;

export interface Settings {
  readonly transport: Transport;
  readonly agentDid: string | undefined;
  readonly parent: ConnectOptions["parent"];
  readonly maxConcurrentHandlers: number;
  readonly maxQueuedMessages: number;
  readonly duplicateMemory: number;
  readonly requestTimeoutMs: number;
  readonly closeGraceMs: number;
  readonly exposeErrors: boolean;
  readonly telemetry: Telemetry | undefined;
}

const OPTIONS: readonly (keyof EndpointConfig)[] = [
  "nodeUrl",
  "apiKey",
  "transport",
  "agentDid",
  "parentDid",
  "maxConcurrentHandlers",
  "maxQueuedMessages",
  "duplicateMemory",
  "requestTimeoutMs",
  "closeGraceMs",
  "exposeErrors",
  "telemetry",
];

/** @throws TypeError naming the member that is wrong. */
export function readConfig(config: Config): Settings {
  if (typeof config !== "object" || config === null) throw new TypeError("A client needs a Config: { nodeUrl, apiKey, transport }");
  rejectUnknownOptions(config, OPTIONS);
  const { agentDid, parentDid, requestTimeoutMs, closeGraceMs, exposeErrors = false, telemetry } = config;
  if (agentDid !== undefined) requireDid("Config.agentDid", agentDid);
  if (typeof exposeErrors !== "boolean") throw new TypeError("Config.exposeErrors must be true or false");
  checkOption("Config.telemetry", telemetry, IS_TELEMETRY);
  return {
    transport: readTransport(config),
    ...childOf(agentDid, parentDid),
    maxConcurrentHandlers: readCount("maxConcurrentHandlers", config.maxConcurrentHandlers, 64),
    maxQueuedMessages: readCount("maxQueuedMessages", config.maxQueuedMessages, 10_000),
    duplicateMemory: readCount("duplicateMemory", config.duplicateMemory, 10_000),
    requestTimeoutMs: readDurationMs({ requestTimeoutMs }, { ms: "requestTimeoutMs" }, 30_000),
    closeGraceMs: readDurationMs({ closeGraceMs }, { ms: "closeGraceMs" }, 5_000),
    exposeErrors,
    telemetry,
  };
}

function readTransport(config: Config): Transport {
  if (typeof config.transport === "function") {
    const { nodeUrl, apiKey, transport } = config as EndpointConfig;
    requireText("nodeUrl", nodeUrl, "the WebSocket URL of your node, such as ws://127.0.0.1:4000/plugin_socket/websocket");
    requireText("apiKey", apiKey, "the key that your node gave you");
    return transport({ nodeUrl, apiKey });
  }
  if (typeof config.transport?.connect === "function") return config.transport;
  throw new TypeError("Config.transport is missing: a Transport, or a function such as (endpoint) => new PhoenixTransport(endpoint)");
}

function requireText(member: string, value: unknown, what: string): void {
  if (typeof value !== "string" || value === "") throw new TypeError(`Config.${member} is missing: ${what}`);
}

function readCount(member: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new TypeError(`Config.${member} must be a whole number from 1`);
}
