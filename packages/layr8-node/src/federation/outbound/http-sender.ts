import type { IncomingMessage } from "node:http";
import { HttpConnections } from "@parley/core/net";
import { DidError } from "@parley/did";
import { createAddressGuard, type AddressGuard, type AddressKind } from "@parley/did/node";
import type { ResponseParts } from "./remote-response.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import type { Target } from "./endpoints.ts";
import { UndeliverableError } from "./undeliverable-error.ts";
import { BATCH_MEDIA_TYPE, encodeBatch, ENVELOPE_MEDIA_TYPE, offersBatches } from "../envelope-batch.ts";

/** Bytes of a response body that are read, enough for an error. */
const MAX_ANSWER_BYTES = 4096;
/** Idle time after which the connection pool of a node is closed, in milliseconds. */
const POOL_IDLE_MS = 100_000;
const ANY_ADDRESS: readonly AddressKind[] = ["loopback", "private", "link-local", "shared", "multicast", "unspecified", "reserved"];

/** Options of {@link HttpSender}. */
export interface HttpSenderOptions {
  readonly allow: readonly AddressKind[];
  readonly limits: Pick<OutboundLimits, "maxConnectionsPerNode" | "postTimeoutMs" | "connectTimeoutMs">;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
}

interface NodePool {
  readonly pool: HttpConnections;
  usedAt: number;
  /** Whether the last response offered batches. */
  takesBatches: boolean;
}

/**
 * Posts messages to endpoints named in DID documents, over persistent connections. An address is checked on connection, and exactly that
 * address is used. Redirects are not followed. Responses are bounded in bytes and time.
 */
export class HttpSender {
  readonly #options: HttpSenderOptions;
  readonly #guard: AddressGuard;
  readonly #trusting: AddressGuard;
  readonly #pools = new Map<string, NodePool>();
  readonly #underWay = new Set<AbortController>();

  constructor(options: HttpSenderOptions) {
    this.#options = options;
    this.#guard = createAddressGuard({ allow: options.allow });
    this.#trusting = createAddressGuard({ allow: ANY_ADDRESS });
  }

  /** Whether an endpoint is known to accept several envelopes in one request. */
  takesBatches(target: Target): boolean {
    return this.#poolOf(target).takesBatches;
  }

  /**
   * Posts encrypted messages: one, or a batch where {@link HttpSender.takesBatches}.
   *
   * @throws UndeliverableError `unreachable` for an address that must not be contacted. Other errors are transient.
   */
  async post(target: Target, envelopes: readonly string[]): Promise<ResponseParts> {
    const abort = new AbortController();
    this.#underWay.add(abort);
    const { postTimeoutMs, connectTimeoutMs } = this.#options.limits;
    const timer = setTimeout(() => abort.abort(new Error("No answer in time")), postTimeoutMs + connectTimeoutMs);
    const release = (): void => {
      clearTimeout(timer);
      this.#underWay.delete(abort);
    };
    let response: IncomingMessage;
    try {
      response = await this.#request(target, envelopes, abort.signal);
    } catch (error) {
      release();
      throw refusedAddress(error) ?? error;
    }
    const { statusCode: status = 0, headers } = response;
    const acceptPost = headers["accept-post"];
    this.#poolOf(target).takesBatches = offersBatches(typeof acceptPost === "string" ? acceptPost : undefined);
    if (status >= 200 && status < 300) {
      // The message is accepted: the caller doesn't wait for the body. It is read to make the connection reusable.
      void discard(response).finally(release);
      return { status, body: "" };
    }
    try {
      return { status, retryAfter: headers["retry-after"], body: await beginning(response) };
    } finally {
      release();
    }
  }

  /** Closes the connections to nodes that have been idle. Called by the queue's sweep timer, every second. */
  sweep(): void {
    const before = this.#options.now() - POOL_IDLE_MS;
    for (const [key, { pool, usedAt }] of this.#pools) {
      if (usedAt > before || !pool.isIdle) continue;
      this.#pools.delete(key);
      pool.close();
    }
  }

  /** Aborts all requests and closes all connections. */
  async close(): Promise<void> {
    for (const abort of this.#underWay) abort.abort(new Error("The node is stopping"));
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    for (const { pool } of pools) pool.close();
  }

  async #request(target: Target, envelopes: readonly string[], signal: AbortSignal): Promise<IncomingMessage> {
    const { url, origin, trusted } = target;
    const [body = "", ...more] = envelopes;
    const isBatch = more.length > 0;
    (trusted ? this.#trusting : this.#guard).checkHost(new URL(origin).hostname);
    return this.#poolOf(target).pool.request({
      method: "POST",
      path: url.pathname + url.search,
      headers: {
        host: url.host,
        "content-type": isBatch ? BATCH_MEDIA_TYPE : ENVELOPE_MEDIA_TYPE,
        "user-agent": "parley-layr8-node",
      },
      body: isBatch ? encodeBatch(envelopes) : body,
      signal,
    });
  }

  /** One pool per host name, because address and certificate of a connection belong to one name. */
  #poolOf({ url, origin, trusted }: Target): NodePool {
    const key = `${origin} ${url.host} ${trusted}`;
    let entry = this.#pools.get(key);
    if (entry === undefined) {
      const { maxConnectionsPerNode, connectTimeoutMs } = this.#options.limits;
      const { lookup } = trusted ? this.#trusting : this.#guard;
      const pool = new HttpConnections(origin, { maxConnections: maxConnectionsPerNode, lookup, connectTimeoutMs });
      entry = { pool, usedAt: 0, takesBatches: false };
      this.#pools.set(key, entry);
    }
    entry.usedAt = this.#options.now();
    return entry;
  }
}

/** @returns `undefined` for any other failure. */
function refusedAddress(error: unknown): UndeliverableError | undefined {
  return error instanceof DidError && error.code === "refused_address"
    ? new UndeliverableError("unreachable", `The recipient's endpoint can't be asked: ${error.message}`, { cause: error })
    : undefined;
}

async function discard(body: IncomingMessage): Promise<void> {
  await beginning(body).catch(() => undefined);
}

/** The first bytes of a body as text. If the body is longer or breaks off, its connection is closed. */
async function beginning(body: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk.subarray(0, MAX_ANSWER_BYTES - length));
      length += chunk.length;
      if (length >= MAX_ANSWER_BYTES) break;
    }
  } catch {
    // The part received so far is used.
  }
  return Buffer.concat(chunks).toString();
}
