import type { IncomingMessage } from "node:http";
import { HttpConnections } from "@parley/core/net";
import { DidError } from "@parley/did";
import { createAddressGuard, type AddressGuard, type AddressKind } from "@parley/did/node";
import type { ResponseParts } from "./remote-response.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import type { Target } from "./endpoints.ts";
import { UndeliverableError } from "./undeliverable-error.ts";

/** Bytes of an answer that are read; what a node that refused has to say fits easily. */
const MAX_ANSWER_BYTES = 4096;
/** The pool of a node is closed after this time without a message, in milliseconds. */
const POOL_IDLE_MS = 100_000;
const ENCRYPTED = "application/didcomm-encrypted+json";
const ANY_ADDRESS: readonly AddressKind[] = ["loopback", "private", "link-local", "shared", "multicast", "unspecified", "reserved"];

/** What is needed to post. */
export interface HttpSenderOptions {
  readonly allow: readonly AddressKind[];
  readonly limits: Pick<OutboundLimits, "maxConnectionsPerNode" | "postTimeoutMs" | "connectTimeoutMs">;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
}

interface NodePool {
  readonly pool: HttpConnections;
  usedAt: number;
}

/**
 * Posts messages to nodes that strangers name, over connections that are kept. An address is checked when it is connected to, and it is
 * connected to exactly that one. Redirects are not followed; answers are read up to a limit of bytes, all within a limit of time.
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

  /**
   * Posts an encrypted message.
   *
   * @throws UndeliverableError `unreachable` for an address that must not be asked; whatever else goes wrong on the way is worth another
   *   try.
   */
  async post(target: Target, body: string): Promise<ResponseParts> {
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
      response = await this.#request(target, body, abort.signal);
    } catch (error) {
      release();
      throw refusedAddress(error) ?? error;
    }
    const { statusCode: status = 0, headers } = response;
    if (status >= 200 && status < 300) {
      // Taken is taken: nobody waits for what else the node has to say, but a connection whose answer is read can be used again.
      void discard(response).finally(release);
      return { status, body: "" };
    }
    try {
      return { status, retryAfter: headers["retry-after"], body: await beginning(response) };
    } finally {
      release();
    }
  }

  /** Called now and then: gives up connections to nodes that nobody writes to any more. */
  sweep(): void {
    const before = this.#options.now() - POOL_IDLE_MS;
    for (const [key, { pool, usedAt }] of this.#pools) {
      if (usedAt > before || !pool.isIdle) continue;
      this.#pools.delete(key);
      pool.close();
    }
  }

  /** Aborts what is under way and closes all connections. */
  async close(): Promise<void> {
    for (const abort of this.#underWay) abort.abort(new Error("The node is stopping"));
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    for (const { pool } of pools) pool.close();
  }

  async #request(target: Target, body: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { url, origin, trusted } = target;
    (trusted ? this.#trusting : this.#guard).checkHost(new URL(origin).hostname);
    return this.#poolOf(target).request({
      method: "POST",
      path: url.pathname + url.search,
      headers: { host: url.host, "content-type": ENCRYPTED, "user-agent": "parley-layr8-node" },
      body,
      signal,
    });
  }

  /** A pool for each host that is named: a connection's address, and its certificate, are those of one name. */
  #poolOf({ url, origin, trusted }: Target): HttpConnections {
    const key = `${origin} ${url.host} ${trusted}`;
    let entry = this.#pools.get(key);
    if (entry === undefined) {
      const { maxConnectionsPerNode, connectTimeoutMs } = this.#options.limits;
      const { lookup } = trusted ? this.#trusting : this.#guard;
      const pool = new HttpConnections(origin, { maxConnections: maxConnectionsPerNode, lookup, connectTimeoutMs });
      entry = { pool, usedAt: 0 };
      this.#pools.set(key, entry);
    }
    entry.usedAt = this.#options.now();
    return entry.pool;
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

/** The first bytes of a body as text. A body that goes on after them, or breaks off, costs its connection. */
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
    // What came of it counts.
  }
  return Buffer.concat(chunks).toString();
}
