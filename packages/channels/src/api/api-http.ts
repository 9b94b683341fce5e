import { setMaxListeners } from "node:events";
import { validateHeaderValue } from "node:http";
import type { ConnectionOptions } from "node:tls";
import { setTimeout as delay } from "node:timers/promises";
import { isJsonObject, type JsonObject, type ParleyError } from "@parley/core";
import { backoffMs, runWithin } from "@parley/core/internal";
import { HttpConnections, isHttpParserError, readJsonResponse } from "@parley/core/net";
import { TransportError } from "../errors.ts";
import { ResponseError } from "./response-fields.ts";
import { readApiUrl, type ApiEndpoint } from "./api-endpoint.ts";
import { toApiError } from "./api-error.ts";

/** How an API server is reached. */
export interface ApiOptions {
  /** Origin of the API server: `https://api.skytale.sh`. `localhost` and names below it are this machine, whatever DNS says. */
  readonly apiUrl: string;
  /** The API key, `sk_live_…` or `sk_test_…`. It is in no error. */
  readonly apiKey: string;
  /** Longest time for one try of a call, to the last byte of the answer, in milliseconds. Default 15,000. */
  readonly timeoutMs?: number;
  /** Tries after the first, where the server could not be reached or was too busy. Default 2; 0 for none. */
  readonly maxRetries?: number;
  /** TLS of https: a private CA, a client certificate, another server name. */
  readonly tls?: Pick<ConnectionOptions, "ca" | "cert" | "key" | "passphrase" | "servername" | "rejectUnauthorized">;
}

/** One call. */
export interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  /** From `/v1` on, with its query. */
  readonly path: string;
  readonly body?: JsonObject;
  /** How long the server may wait for news before it answers, in seconds. */
  readonly waitSeconds?: number;
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const DEFAULT_RETRIES = 2;
const BACKOFF = { initialMs: 250, maxMs: 5000 };
const SECOND = 1000;
/** Calls that wait have connections of their own, so that they hold up no others. */
const CONNECTIONS = 8;
const WAITING_CONNECTIONS = 128;
/** Fifty requests to join at once, with key packages of 16 KiB as base64url, or a welcome of 1 MiB, and room to spare. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** The connections to one API server. Follows no redirects; each call is one that may be repeated. */
export class ApiHttp {
  readonly #endpoint: ApiEndpoint;
  /** What errors call the server. */
  readonly #server: string;
  readonly #options: Required<Pick<ApiOptions, "apiKey" | "timeoutMs" | "maxRetries">>;
  readonly #calls: HttpConnections;
  readonly #waits: HttpConnections;
  readonly #closing = new AbortController();

  constructor({ apiUrl, apiKey: given, timeoutMs = DEFAULT_TIMEOUT_MS, maxRetries = DEFAULT_RETRIES, tls }: ApiOptions) {
    // Keys that were read from a file end with a newline.
    const apiKey = typeof given === "string" ? given.trim() : given;
    checkKey(apiKey);
    if (!(timeoutMs > 0)) throw new TypeError("timeoutMs must be a number greater than 0");
    if (!Number.isInteger(maxRetries) || maxRetries < 0) throw new TypeError("maxRetries must be an integer from 0 on");
    setMaxListeners(0, this.#closing.signal);
    this.#endpoint = readApiUrl(apiUrl);
    this.#server = `the API server at ${this.#endpoint.origin}${this.#endpoint.path}`;
    this.#options = { apiKey, timeoutMs, maxRetries };
    const { lookup, origin } = this.#endpoint;
    this.#calls = new HttpConnections(origin, { maxConnections: CONNECTIONS, lookup, tls });
    this.#waits = new HttpConnections(origin, { maxConnections: WAITING_CONNECTIONS, lookup, tls });
  }

  /** Does a call, again where that may help. @throws AuthError, ChannelError, InviteError, TransportError; the signal's reason. */
  async call(call: Call): Promise<JsonObject> {
    const signal = call.signal;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(call);
      } catch (error) {
        signal?.throwIfAborted();
        if (this.#closing.signal.aborted || attempt > this.#options.maxRetries || !isRetryable(error)) throw error;
        await delay(backoffMs(attempt, BACKOFF), undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
      }
    }
  }

  /** {@link call}, and what `read` makes of the answer. @throws as {@link call}; TransportError when the answer can't be read */
  async read<T>(call: Call, read: (answer: JsonObject) => T): Promise<T> {
    const answer = await this.call(call);
    try {
      return read(answer);
    } catch (cause) {
      if (!(cause instanceof ResponseError)) throw cause;
      throw new TransportError("transport_error", `the answer of ${this.#server} ${cause.message}`, { cause });
    }
  }

  /** Ends all calls and connections. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new TransportError("closed", "The client of the API server was closed"));
    this.#calls.close();
    this.#waits.close();
  }

  async #attempt(call: Call): Promise<JsonObject> {
    const timeoutMs = this.#options.timeoutMs + (call.waitSeconds ?? 0) * SECOND;
    const onTimeout = (): Error => new TransportError("timeout", `${this.#server} did not answer within ${timeoutMs} ms`);
    return runWithin({ signals: [this.#closing.signal, call.signal], timeoutMs, onTimeout }, async (signal) => {
      try {
        return await this.#request(call, signal);
      } catch (error) {
        throw error instanceof Error && !("retryable" in error) ? networkError(this.#server, error) : error;
      }
    });
  }

  async #request({ method, path, body, waitSeconds = 0 }: Call, signal: AbortSignal): Promise<JsonObject> {
    const connections = waitSeconds > 0 ? this.#waits : this.#calls;
    const response = await connections.request({
      method,
      path: this.#endpoint.path + path,
      headers: {
        accept: "application/json",
        authorization: `Bearer ${this.#options.apiKey}`,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
    const { status, body: answer, isTooLarge } = await readJsonResponse(response, MAX_ANSWER_BYTES);
    if (isTooLarge) {
      throw new TransportError("transport_error", `the answer of ${this.#server} has more than ${MAX_ANSWER_BYTES} bytes`);
    }
    if (status === 204) return {};
    if (status < 200 || status > 299) throw toApiError({ status, body: answer, secret: this.#options.apiKey, server: this.#server });
    if (!isJsonObject(answer)) throw new TransportError("transport_error", `the answer of ${this.#server} is not a JSON object`);
    return answer;
  }
}

function checkKey(apiKey: string): void {
  if (typeof apiKey !== "string" || apiKey === "") throw new TypeError("apiKey must be a string that is not empty");
  try {
    validateHeaderValue("authorization", apiKey);
  } catch {
    throw new TypeError("apiKey has characters that a header can't carry"); // Node's own error has the value in it.
  }
}

function isRetryable(error: unknown): error is ParleyError {
  return error instanceof Error && "retryable" in error && error.retryable === true;
}

function networkError(server: string, cause: NodeJS.ErrnoException): TransportError {
  // Not passed on as the cause: it contains what the server sent.
  if (isHttpParserError(cause)) {
    return new TransportError(
      "transport_error",
      `the answer of ${server} is not HTTP, or its headers are too long: is that the relay's port?`,
    );
  }
  return new TransportError("connection_error", `${server} can't be reached, or the connection broke: ${reasonOf(cause)}`, { cause });
}

/** An error of several connection attempts has its reason in the first of them. */
function reasonOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const { code } = error as NodeJS.ErrnoException;
  const message = first instanceof Error && first.message !== "" ? first.message : (code ?? error.name);
  if (code === "ECONNREFUSED") return `${message}. Is a server running? To start one: npx -p @parley/skytale-server skytale-server`;
  return /wrong version number|packet length too long/.test(message)
    ? "what answers speaks no TLS; use http:// for a server without TLS"
    : message;
}
