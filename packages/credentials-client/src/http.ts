import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { isJsonObject, type JsonObject } from "@parley/core";
import { readCapped } from "@parley/core/internal";
import { errors, Pool } from "undici";
import { abortable } from "./abortable.ts";
import { readEndpoint, type Endpoint } from "./endpoint.ts";
import { RestError } from "./errors.ts";
import { readSettings, type CredentialsClientOptions, type Settings } from "./options.ts";
import { refusalError } from "./refusal.ts";
import { retryDelay } from "./retry.ts";

/** One call of the REST API. */
export interface Call {
  readonly method: "GET" | "POST";
  /** Path with its query, from `/api/v1` on. */
  readonly path: string;
  readonly body?: JsonObject;
  readonly signal?: AbortSignal | undefined;
}

/** A node's answer to a call that succeeded. */
export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/** The connections to one node. */
export class Http {
  readonly #settings: Settings;
  readonly #endpoint: Endpoint;
  readonly #apiKey: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #pool: Pool;
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(options: CredentialsClientOptions) {
    setMaxListeners(0, this.#closing.signal); // each call has one
    this.#settings = readSettings(options);
    this.#endpoint = readEndpoint(options.nodeUrl);
    const { authorization, lookup, origin } = this.#endpoint;
    const { timeoutMs, maxConnections } = this.#settings;
    this.#apiKey = options.apiKey;
    this.#headers = {
      ...(authorization === undefined ? {} : { authorization }),
      ...lowerCased(options.headers ?? {}),
      accept: "application/json",
      "x-api-key": options.apiKey,
    };
    this.#pool = new Pool(origin, {
      connections: maxConnections,
      // Times are limited here, over the whole request.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { ...options.tls, timeout: timeoutMs, ...(lookup === undefined ? {} : { lookup }) },
    });
  }

  /** Does a call; one that only reads is tried again where that makes sense. @throws RestError, or the signal's reason. */
  async call(call: Call): Promise<Answer> {
    // What can't be written is the caller's bug, and no failure of the network.
    const content = call.body === undefined ? undefined : JSON.stringify(call.body);
    return abortable({ signals: [this.#closing.signal, call.signal] }, async (signal) => {
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

  /** Ends all calls (`closed`) and connections. */
  close(): Promise<void> {
    this.#closing.abort(new RestError("closed", "The client was closed"));
    this.#closed ??= this.#pool.destroy();
    return this.#closed;
  }

  async #attempt(call: Call, content: string | undefined, outer: AbortSignal): Promise<Answer> {
    const { timeoutMs } = this.#settings;
    const onTimeout = (): Error => timeoutError(timeoutMs);
    return abortable({ signals: [outer], timeoutMs, onTimeout }, async (signal) => {
      try {
        return await this.#request(call, content, signal);
      } catch (error) {
        throw signal.aborted || error instanceof RestError ? error : networkError(error, timeoutMs);
      }
    });
  }

  async #request({ method, path }: Call, content: string | undefined, signal: AbortSignal): Promise<Answer> {
    const response = await this.#pool.request({
      method,
      path: `${this.#endpoint.path}${path}`,
      headers: content === undefined ? this.#headers : { ...this.#headers, "content-type": "application/json" },
      body: content ?? null,
      signal,
    });
    const { statusCode: status, headers } = response;
    const { maxResponseBytes } = this.#settings.limits;
    const bytes = await readCapped(response.body, maxResponseBytes);
    const parsed = bytes === undefined ? undefined : parseJson(bytes);
    if (status < 200 || status > 299) throw refusalError({ status, body: parsed, retryAfter: one(headers["retry-after"]) }, this.#apiKey);
    if (bytes === undefined)
      throw new RestError("response_invalid", `The node's answer has more than ${maxResponseBytes} bytes`, { status });
    if (!isJsonObject(parsed)) throw new RestError("response_invalid", "The node's answer is not a JSON object", { status });
    return { status, body: parsed };
  }
}

/** Without a cause: what JSON.parse throws quotes the text. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function networkError(cause: unknown, timeoutMs: number): RestError {
  if (cause instanceof errors.ConnectTimeoutError) return timeoutError(timeoutMs, cause);
  // Not as the cause: it holds what the node sent.
  if (isNotHttp(cause)) return new RestError("response_invalid", "The node's answer is not HTTP, or its headers are too long");
  return new RestError("network", "The node can't be reached, or the connection broke", { cause, retryable: true });
}

function isNotHttp(cause: unknown): boolean {
  return (
    cause instanceof errors.HTTPParserError ||
    cause instanceof errors.HeadersOverflowError ||
    cause instanceof errors.ResponseContentLengthMismatchError
  );
}

function timeoutError(timeoutMs: number, cause?: unknown): RestError {
  return new RestError("timeout", `The node did not answer within ${timeoutMs} ms`, { cause, retryable: true });
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function one(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}
