import type { LookupFunction } from "node:net";
import { isLocalhostName, lookupLoopback } from "@parley/core/eager";
import { DEFAULT_PATH } from "./errors.ts";

/** Where the API key travels. */
export type Credentials = "header" | "query";

/** URL and headers of an upgrade request. */
export interface UpgradeTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The node's address and how it accepts the API key. One per transport, so that the accepted way is remembered.
 */
export class Endpoint {
  /** The address without its query, which may contain secrets. Safe for error messages. */
  readonly label: string;
  /** Resolves loopback names; `undefined` for every other host, which the system resolves. */
  readonly lookup: LookupFunction | undefined;
  readonly #base: string;
  readonly #query: readonly string[];
  readonly #apiKey: string;
  readonly #headers: Readonly<Record<string, string>>;
  #credentials: Credentials;
  #settled: boolean;

  constructor(nodeUrl: string, apiKey: string, credentials: Credentials, headers: Readonly<Record<string, string>> = {}) {
    const url = parseNodeUrl(nodeUrl);
    this.label = `${url.protocol}//${url.host}${url.pathname}`;
    const userinfo = url.username === "" ? "" : `${url.username}:${url.password}@`;
    this.#base = `${url.protocol}//${userinfo}${url.host}${url.pathname}`;
    this.#query = url.search
      .slice(1)
      .split("&")
      .filter((part) => part !== "" && !part.startsWith("vsn="));
    this.lookup = isLocalhostName(url.hostname) ? lookupLoopback : undefined;
    this.#apiKey = apiKey;
    this.#headers = headers;
    this.#credentials = credentials;
    this.#settled = credentials === "query";
  }

  /** The next upgrade to try. The query is kept unchanged. */
  target(): UpgradeTarget {
    const inQuery = this.#credentials === "query";
    const key = inQuery ? [`api_key=${encodeURIComponent(this.#apiKey)}`] : [];
    return {
      url: `${this.#base}?${[...this.#query, ...key, "vsn=2.0.0"].join("&")}`,
      headers: inQuery ? this.#headers : { ...this.#headers, "x-api-key": this.#apiKey },
    };
  }

  /** The node accepted the upgrade: the key stays where it is. */
  accepted(): void {
    this.#settled = true;
  }

  /** Called when the node rejects the key. Switches to the other way to present it; returns whether there is one. */
  fallBack(): boolean {
    if (this.#settled) return false;
    this.#credentials = this.#credentials === "header" ? "query" : "header";
    // Rejected both ways: the next connect starts with the header again.
    return this.#credentials === "query";
  }
}

const PROTOCOLS: Readonly<Record<string, string>> = { "wss:": "wss:", "ws:": "ws:", "https:": "wss:", "http:": "ws:" };

function parseNodeUrl(nodeUrl: string): URL {
  // Messages don't contain the URL: its query may have a key.
  if (typeof nodeUrl !== "string" || !URL.canParse(nodeUrl)) {
    throw new TypeError(`nodeUrl is not a URL; expected something like wss://node.example${DEFAULT_PATH}`);
  }
  const given = new URL(nodeUrl);
  const protocol = PROTOCOLS[given.protocol];
  if (protocol === undefined) {
    // "localhost:4000" is a URL of the scheme "localhost".
    const hint = /^[\w.-]+:\d+(?:\/|$)/.test(nodeUrl) ? "; write http:// before the host" : "";
    throw new TypeError(`nodeUrl must begin with wss:, ws:, https: or http:, not ${given.protocol}${hint}`);
  }
  const url = new URL(given);
  url.protocol = protocol;
  // An origin without a path stands for the default path.
  if (url.pathname === "/") url.pathname = DEFAULT_PATH;
  return url;
}
