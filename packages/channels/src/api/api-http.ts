import { setMaxListeners } from "node:events";
import type { ConnectionOptions } from "node:tls";
import { setTimeout as delay } from "node:timers/promises";
import { isJsonObject, type JsonObject, type ParleyError } from "@parley/core";
import { backoffMs, runWithin } from "@parley/core/internal";
import { HttpConnections, isHttpParserError, readJsonResponse } from "@parley/core/net";
import { TransportError } from "../errors.ts";
import { ResponseError } from "./response-fields.ts";
import type { ApiEndpoint } from "./api-endpoint.ts";
import { readApiOptions, type ApiOptions, type ApiSettings } from "./api-options.ts";
import { toApiError } from "./api-error.ts";

/** An HTTP call to the API server. */
export interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  /** Path from `/v1`, with query. */
  readonly path: string;
  readonly body?: JsonObject;
  /** How long the server waits for a change before it responds, in seconds. */
  readonly waitSeconds?: number;
  readonly signal?: AbortSignal | undefined;
}

const BACKOFF = { initialMs: 250, maxMs: 5000 };
const SECOND = 1000;
/** Long polling has its own connections, so that it does not delay other calls. */
const CONNECTIONS = 8;
const WAITING_CONNECTIONS = 128;
/** More than 50 join requests with key packages of 16 KiB in base64url, or a welcome of 1 MiB. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** HTTP client of one API server. Does not follow redirects. Retries calls, all of which are idempotent. */
export class ApiHttp {
  readonly #endpoint: ApiEndpoint;
  /** Name and URL of the server, for error messages. */
  readonly #server: string;
  readonly #options: Pick<ApiSettings, "apiKey" | "timeoutMs" | "maxRetries">;
  readonly #calls: HttpConnections;
  readonly #waits: HttpConnections;
  readonly #closing = new AbortController();

  /** @throws TypeError */
  constructor(options: ApiOptions) {
    const { apiKey, endpoint, timeoutMs, maxRetries } = readApiOptions(options);
    const { tls } = options;
    setMaxListeners(0, this.#closing.signal);
    this.#endpoint = endpoint;
    this.#server = `the API server at ${this.#endpoint.origin}${this.#endpoint.path}`;
    this.#options = { apiKey, timeoutMs, maxRetries };
    const { lookup, origin } = this.#endpoint;
    this.#calls = new HttpConnections(origin, { maxConnections: CONNECTIONS, lookup, tls: tls as ConnectionOptions });
    this.#waits = new HttpConnections(origin, { maxConnections: WAITING_CONNECTIONS, lookup, tls: tls as ConnectionOptions });
  }

  /** Makes a call, with retries. @throws AuthError, ChannelError, InviteError, TransportError; the signal's reason. */
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

  /** Makes a call, and parses its response with `read`. @throws as {@link call}; TransportError if the response is malformed */
  async read<T>(call: Call, read: (answer: JsonObject) => T): Promise<T> {
    const answer = await this.call(call);
    try {
      return read(answer);
    } catch (cause) {
      if (!(cause instanceof ResponseError)) throw cause;
      throw new TransportError("transport_error", `the response of ${this.#server} ${cause.message}`, { cause });
    }
  }

  /** Aborts all calls and closes all connections. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new TransportError("closed", "the client of the API server is closed"));
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
      throw new TransportError("transport_error", `the response of ${this.#server} exceeds ${MAX_ANSWER_BYTES} bytes`);
    }
    if (status === 204) return {};
    if (status < 200 || status > 299) throw toApiError({ status, body: answer, secret: this.#options.apiKey, server: this.#server });
    if (!isJsonObject(answer)) throw new TransportError("transport_error", `the response of ${this.#server} is not a JSON object`);
    return answer;
  }
}

function isRetryable(error: unknown): error is ParleyError {
  return error instanceof Error && "retryable" in error && error.retryable === true;
}

function networkError(server: string, cause: NodeJS.ErrnoException): TransportError {
  // Without a cause, which would contain data from the server.
  if (isHttpParserError(cause)) {
    return new TransportError(
      "transport_error",
      `the response of ${server} is not HTTP, or its headers are too long: check that the port is not the relay's`,
    );
  }
  return new TransportError("connection_error", `${server} is unreachable, or the connection was lost: ${reasonOf(cause)}`, { cause });
}

/** The message of an error; of the first one for several connection attempts. */
function reasonOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const { code } = error as NodeJS.ErrnoException;
  const message = first instanceof Error && first.message !== "" ? first.message : (code ?? error.name);
  if (code === "ECONNREFUSED") return `${message}. Is a server running? To start one: npx -p @parley/skytale-server skytale-server`;
  return /wrong version number|packet length too long/.test(message)
    ? "the server does not use TLS: use http:// for a server without TLS"
    : message;
}
