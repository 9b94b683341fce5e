import { setMaxListeners } from "node:events";
import type { ConnectionOptions } from "node:tls";
import { setTimeout as delay } from "node:timers/promises";
import { isJsonObject, type JsonObject } from "@parley/core";
import { explainNodeFailure, runWithin } from "@parley/core/internal";
import { HttpConnections, isHttpParserError, readJsonResponse } from "@parley/core/net";
import { readEndpoint, type Endpoint } from "./endpoint.ts";
import { RestError } from "./rest-error.ts";
import { readSettings, type CredentialsClientOptions, type Settings } from "./credentials-client-options.ts";
import { responseError } from "./response-error.ts";
import { retryDelay } from "./retry-delay.ts";

/** One call of the REST API. */
export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path with its query, from `/api/v1` on. */
  readonly path: string;
  readonly body?: JsonObject;
  readonly signal?: AbortSignal | undefined;
}

/** A node's response to a successful call. */
export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/** HTTP client for one node, with a pool of connections. */
export class Http {
  readonly #settings: Settings;
  readonly #endpoint: Endpoint;
  readonly #apiKey: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #connections: HttpConnections;
  readonly #closing = new AbortController();

  constructor(options: CredentialsClientOptions) {
    setMaxListeners(0, this.#closing.signal); // each call adds a listener
    this.#settings = readSettings(options);
    this.#endpoint = readEndpoint(options.nodeUrl);
    const { authorization, lookup, origin } = this.#endpoint;
    const { maxConnections } = this.#settings;
    this.#apiKey = options.apiKey;
    this.#headers = {
      ...(authorization === undefined ? {} : { authorization }),
      ...lowerCased(options.headers ?? {}),
      accept: "application/json",
      "x-api-key": options.apiKey,
    };
    this.#connections = new HttpConnections(origin, { maxConnections, lookup, tls: options.tls as ConnectionOptions });
  }

  /** The node's address without secrets, for messages. */
  get #label(): string {
    return `${this.#endpoint.origin}${this.#endpoint.path}`;
  }

  /** Performs a call. GET requests are retried after transient errors. @throws RestError, or the signal's reason. */
  async call(call: Call): Promise<Answer> {
    // Outside of the try block: a value that can't be serialized is the caller's bug, not a network failure.
    const content = call.body === undefined ? undefined : JSON.stringify(call.body);
    return runWithin({ signals: [this.#closing.signal, call.signal] }, async (signal) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await this.#attempt(call, content, signal);
        } catch (error) {
          const wait = call.method === "GET" && !signal.aborted ? retryDelay(error, attempt, this.#settings.retry) : undefined;
          if (wait === undefined) throw error;
          await delay(wait, undefined, { signal });
        }
      }
    });
  }

  /** Rejects all calls with `closed` and closes all connections. */
  async close(): Promise<void> {
    this.#closing.abort(new RestError("closed", "The client was closed"));
    this.#connections.close();
  }

  async #attempt(call: Call, content: string | undefined, outer: AbortSignal): Promise<Answer> {
    const { timeoutMs } = this.#settings;
    const onTimeout = (): Error => timeoutError(this.#label, timeoutMs);
    return runWithin({ signals: [outer], timeoutMs, onTimeout }, async (signal) => {
      try {
        return await this.#request(call, content, signal);
      } catch (error) {
        throw signal.aborted || error instanceof RestError ? error : networkError(this.#label, error);
      }
    });
  }

  async #request({ method, path }: Call, content: string | undefined, signal: AbortSignal): Promise<Answer> {
    const response = await this.#connections.request({
      method,
      path: `${this.#endpoint.path}${path}`,
      headers: content === undefined ? this.#headers : { ...this.#headers, "content-type": "application/json" },
      body: content,
      signal,
    });
    const { maxResponseBytes } = this.#settings.limits;
    const answer = await readJsonResponse(response, maxResponseBytes);
    const { status, body, isTooLarge } = answer;
    if (status < 200 || status > 299) throw responseError(answer, this.#apiKey);
    if (method === "PUT" || method === "DELETE") return { status, body: {} };
    if (isTooLarge) {
      const message = `The node's response has more than ${maxResponseBytes} bytes (limits.maxResponseBytes)`;
      throw new RestError("response_invalid", message, { status });
    }
    if (!isJsonObject(body)) throw new RestError("response_invalid", "The node's response is not a JSON object", { status });
    return { status, body };
  }
}

function networkError(label: string, cause: unknown): RestError {
  // Not passed on as the cause, because it contains the node's data.
  if (isHttpParserError(cause)) {
    return new RestError("response_invalid", `The response of ${label} is not HTTP, or its headers are too long: check nodeUrl`);
  }
  const { why, retryable } = explainNodeFailure(cause);
  return new RestError("network", `The node at ${label} can't be reached, or the connection broke: ${why}`, { cause, retryable });
}

function timeoutError(label: string, timeoutMs: number): RestError {
  return new RestError("timeout", `The node at ${label} did not answer within ${timeoutMs} ms (timeoutMs)`, { retryable: true });
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
