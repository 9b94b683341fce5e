import { checkOption, rejectUnknownOptions, type OptionCheck } from "@parley/core/eager";
import type { ResolutionOptions } from "@parley/credentials-client";
import type { KeyStore } from "./key-store.ts";

/** Options of a client about its keys. */
export interface EndToEndConfig {
  /**
   * The holder of the private keys of the agent's DID. `"node"` (default): the node, which encrypts and decrypts. `"agent"`: this client, which then also needs
   * `keyStore`. Its messages are encrypted from agent to agent: no node can read those to other agents that hold their keys themselves.
   */
  readonly keys?: "node" | "agent";
  /**
   * Where the private keys are, with what is remembered of other agents' keys and of received messages: a directory, in which the client creates files that only
   * its user can read, or an object. Required with `keys: "agent"`. One process at a time may use it.
   */
  readonly keyStore?: string | KeyStore;
  /**
   * How the DID documents of other agents are fetched, with `keys: "agent"`. Default: from public addresses only, over https. If `nodeUrl` is on loopback, also
   * from loopback, with `localhost` at the node.
   */
  readonly resolution?: ResolutionOptions;
}

/** The checked options. */
export interface EndToEndSettings {
  readonly store: string | KeyStore;
  readonly resolution: ResolutionOptions;
}

const IS_KEYS: OptionCheck = { expected: '"node" or "agent"', isPublic: true, is: (value) => value === "node" || value === "agent" };
const IS_STORE: OptionCheck = {
  expected: "the path of a directory, or an object with read, write and append",
  is: (value) => (typeof value === "string" && value !== "") || hasMethods(value),
};
const IS_OBJECT: OptionCheck = { expected: "an object such as { hosts }", is: isObject };
const IS_BOOLEAN: OptionCheck = { expected: "true or false", is: (value) => typeof value === "boolean" };
const KINDS: readonly unknown[] = ["public", "loopback", "private", "link-local", "shared", "multicast", "unspecified", "reserved"];
const IS_KINDS: OptionCheck = {
  expected: 'a list of kinds of addresses, such as ["private"]',
  is: (value) => Array.isArray(value) && value.every((kind) => KINDS.includes(kind)),
};
const IS_CA: OptionCheck = {
  expected: "certificates in PEM: a text, or a list of texts",
  is: (value) => typeof value === "string" || (Array.isArray(value) && value.every((text) => typeof text === "string")),
};
const IS_ORIGIN: OptionCheck = {
  expected: "an http or https origin such as https://127.0.0.1:4000",
  isPublic: true,
  is: (value) => typeof value === "string" && isOrigin(value),
};

/**
 * Reads the options about keys; `undefined` if the node holds them.
 *
 * @param nodeUrl of the client, if it is known.
 * @throws TypeError naming the option that is wrong.
 */
export function endToEndSettings(
  { keys, keyStore, resolution, transport }: EndToEndConfig & { readonly transport?: unknown },
  nodeUrl: string | undefined,
): EndToEndSettings | undefined {
  checkOption("Config.keys", keys, IS_KEYS);
  checkOption("Config.keyStore", keyStore, IS_STORE);
  checkResolution(resolution);
  if (keys !== "agent") {
    if (keyStore !== undefined) throw new TypeError('Config.keyStore needs keys: "agent"');
    if (resolution !== undefined) throw new TypeError('Config.resolution needs keys: "agent": otherwise the node resolves DIDs');
    return undefined;
  }
  if (keyStore === undefined) throw new TypeError('Config.keyStore is missing: keys: "agent" needs a directory for the private keys');
  return { store: keyStore, resolution: resolution ?? resolutionOf(typeof transport === "object" ? undefined : nodeUrl) };
}

function checkResolution(resolution: ResolutionOptions | undefined): void {
  checkOption("Config.resolution", resolution, IS_OBJECT);
  if (resolution === undefined) return;
  rejectUnknownOptions(resolution, ["allow", "httpForLoopback", "hosts", "ca"], "resolution.");
  const { allow, httpForLoopback, hosts, ca } = resolution;
  checkOption("Config.resolution.allow", allow, IS_KINDS);
  checkOption("Config.resolution.httpForLoopback", httpForLoopback, IS_BOOLEAN);
  checkOption("Config.resolution.hosts", hosts, { expected: 'an object such as { "localhost": "http://127.0.0.1:4000" }', is: isObject });
  for (const [host, origin] of Object.entries(hosts ?? {})) {
    if (origin === undefined) throw new TypeError(`Config.resolution.hosts["${host}"] must be ${IS_ORIGIN.expected}, not undefined`);
    checkOption(`Config.resolution.hosts["${host}"]`, origin, IS_ORIGIN);
  }
  checkOption("Config.resolution.ca", ca, IS_CA);
}

/** For development: a node on this machine serves the documents of its agents over http. */
function resolutionOf(nodeUrl: string | undefined): ResolutionOptions {
  if (nodeUrl === undefined || !URL.canParse(nodeUrl)) return {};
  const { hostname, port } = new URL(nodeUrl);
  if (!/^(?:127\.\d+\.\d+\.\d+|\[::1\]|(?:[\w-]+\.)*localhost)$/.test(hostname)) return {};
  const host = hostname.endsWith("localhost") ? "127.0.0.1" : hostname;
  return { allow: ["loopback"], httpForLoopback: true, hosts: { localhost: `http://${host}${port === "" ? "" : `:${port}`}` } };
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, origin, href } = new URL(text);
  return (protocol === "http:" || protocol === "https:") && href === `${origin}/`;
}

function hasMethods(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return ["read", "write", "append"].every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === "function");
}
