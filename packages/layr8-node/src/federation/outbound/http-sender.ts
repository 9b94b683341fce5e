import type { IncomingMessage } from "node:http";
import { HttpConnections } from "@parley/core/net";
import { DidError } from "@parley/did";
import { createAddressGuard, type AddressGuard, type AddressKind } from "@parley/did/node";
import type { ResponseParts } from "./remote-response.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import type { Target } from "./endpoints.ts";
import { UndeliverableError } from "./undeliverable-error.ts";
import { AUDIT_HEAD } from "../audit-head-header.ts";
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

  constructor(options: HttpSenderOptions) {
    this.#options = options;
    this.#guard = createAddressGuard({ allow: options.allow });
    this.#trusting = createAddressGuard({ allow: ANY_ADDRESS });
  }

  /** Whether an endpoint is known to accept several envelopes in one request. */
  takesBatches(target: Target): boolean {
    return this.#pools.get(poolKey(target))?.takesBatches === true;
  }

  /**
   * Posts encrypted messages: one, or a batch where {@link HttpSender.takesBatches}.
   *
   * @param head the signed head of the sender's audit chain.
   * @throws UndeliverableError `unreachable` for an address that must not be contacted. Other errors are transient.
   */
  async post(target: Target, envelopes: readonly string[], head?: string): Promise<ResponseParts> {
    const node = this.#poolOf(target);
    const response = await this.#request(node.pool, target, envelopes, head);
    const { statusCode: status = 0, headers } = response;
    const { "accept-post": acceptPost, [AUDIT_HEAD]: theirs } = headers;
    node.takesBatches = offersBatches(typeof acceptPost === "string" ? acceptPost : undefined);
    // The body is read to make the connection reusable. If the message is accepted, the caller doesn't wait for it.
    const body = beginning(response);
    return status >= 200 && status < 300
      ? { status, body: "", head: typeof theirs === "string" ? theirs : undefined }
      : { status, retryAfter: headers["retry-after"], body: await body };
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
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    for (const { pool } of pools) pool.close(new Error("The node is stopping"));
  }

  async #request(pool: HttpConnections, { url }: Target, envelopes: readonly string[], head: string | undefined): Promise<IncomingMessage> {
    const { postTimeoutMs, connectTimeoutMs } = this.#options.limits;
    const [body = "", ...more] = envelopes;
    const isBatch = more.length > 0;
    try {
      return await pool.request({
        method: "POST",
        path: url.pathname + url.search,
        headers: {
          host: url.host,
          "content-type": isBatch ? BATCH_MEDIA_TYPE : ENVELOPE_MEDIA_TYPE,
          "user-agent": "parley-layr8-node",
          ...(head !== undefined && { [AUDIT_HEAD]: head }),
        },
        body: isBatch ? encodeBatch(envelopes) : body,
        timeoutMs: postTimeoutMs + connectTimeoutMs,
      });
    } catch (error) {
      throw refusedAddress(error) ?? error;
    }
  }

  /** The pool of a target. The address of a target without a host name is checked once, because it never changes. */
  #poolOf(target: Target): NodePool {
    const key = poolKey(target);
    let entry = this.#pools.get(key);
    if (entry === undefined) {
      const { maxConnectionsPerNode, connectTimeoutMs } = this.#options.limits;
      const { lookup, checkHost } = target.trusted ? this.#trusting : this.#guard;
      try {
        checkHost(new URL(target.origin).hostname);
      } catch (error) {
        throw refusedAddress(error) ?? error;
      }
      const pool = new HttpConnections(target.origin, { maxConnections: maxConnectionsPerNode, lookup, connectTimeoutMs });
      entry = { pool, usedAt: 0, takesBatches: false };
      this.#pools.set(key, entry);
    }
    entry.usedAt = this.#options.now();
    return entry;
  }
}

/** One pool per host name, because address and certificate of a connection belong to one name. */
function poolKey({ url, origin, trusted }: Target): string {
  return `${origin} ${url.host} ${trusted}`;
}

/** @returns `undefined` for any other failure. */
function refusedAddress(error: unknown): UndeliverableError | undefined {
  return error instanceof DidError && error.code === "refused_address"
    ? new UndeliverableError("unreachable", `The recipient's endpoint can't be asked: ${error.message}`, { cause: error })
    : undefined;
}

/**
 * The first bytes of a body as text, when it has ended. If it is longer or breaks off, its connection is closed. Reads events, because an async
 * iterator costs 40 µs.
 */
function beginning(body: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    body.on("data", (chunk: Buffer) => {
      chunks.push(chunk.subarray(0, MAX_ANSWER_BYTES - length));
      length += chunk.length;
      if (length >= MAX_ANSWER_BYTES) body.destroy();
    });
    body.on("close", () => resolve(Buffer.concat(chunks).toString()));
  });
}
