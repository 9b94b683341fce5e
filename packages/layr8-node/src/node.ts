import type { AddressInfo } from "node:net";
import { pino, type Logger } from "pino";
import { Gate } from "./gate.ts";
import { createMetrics } from "./http/metrics.ts";
import { createHttpServer } from "./http/server.ts";
import type { ApiKeyInfo, CreatedApiKey } from "./identity/api-keys.ts";
import { readLimits, type DidRule, type NodeOptions } from "./options.ts";
import { PhoenixServer } from "./phoenix/phoenix-server.ts";
import { SOCKET_PATH } from "./phoenix/upgrade.ts";
import { Policies } from "./routing/policy.ts";
import { Router } from "./routing/router.ts";
import { openStores } from "./stores.ts";

/** How often redeliveries, silent sockets and expiry are looked after, in milliseconds. */
const SWEEP_MS = 1000;
/** How long clients have to hang up when the node stops, in milliseconds. */
const CLOSE_GRACE_MS = 2000;

/** A running node. */
export interface Layr8Node extends AsyncDisposable {
  /** Where agents connect: `ws://127.0.0.1:4000/plugin_socket/websocket`. */
  readonly url: string;
  /** Origin of its HTTP side: DID documents, `/health`, `/metrics`. */
  readonly httpUrl: string;
  readonly port: number;
  /**
   * An API key that may bind any DID. Only where the node had no key at all and made this one; it is shown here and nowhere else, and
   * with a data directory it stays valid after a restart.
   */
  readonly apiKey: string | undefined;
  /** Makes an API key. The key itself is in the answer and nowhere else; the node keeps its hash. */
  createApiKey(options: { readonly name?: string; readonly dids: DidRule }): Promise<CreatedApiKey>;
  /** Revokes an API key and closes its connections. @returns whether there was such a key. */
  revokeApiKey(id: string): Promise<boolean>;
  /** The API keys, without the keys themselves. */
  listApiKeys(): readonly ApiKeyInfo[];
  /**
   * Stops: lets nobody in, asks agents to come back later, and closes once everything that was accepted is on disk. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Starts a node: agents connect to it over WebSockets, and it keeps what they send until it has been acknowledged.
 *
 * @throws TypeError when an option makes no sense; StorageError when the data directory can't be used; the system's error when the
 *   port is taken.
 * @example
 * ```ts
 * import { startNode } from "@parley/layr8-node";
 *
 * await using node = await startNode({ port: 0, dataDir: "./node-data" });
 * console.log(node.url);
 * ```
 */
export async function startNode(options: NodeOptions = {}): Promise<Layr8Node> {
  const limits = readLimits(options.limits);
  const policies = new Policies(options.policies);
  const logger = loggerOf(options.logger);
  const stores = await openStores(options, limits);
  const { inbox, apiKeys, dids } = stores;
  try {
    const created = apiKeys.list().length === 0 ? await apiKeys.create({ name: "unrestricted", dids: "any" }) : undefined;
    if (options.dataDir === undefined) logger.warn("no dataDir: messages, DIDs and keys are kept in memory and lost when this node stops");
    if (created !== undefined) logger.info("no API key was configured: made one that may bind any DID");

    const fail = (error: unknown): void => {
      metrics.failures.inc();
      logger.error({ err: error }, "the node failed at something that no client can be told of");
    };
    const router = new Router({
      inbox,
      policies,
      isHosted: (did) => dids.has(did),
      messageTtlMs: limits.messageTtlMs,
      delivery: {
        ackTimeoutMs: limits.ackTimeoutMs,
        maxAckTimeoutMs: Math.max(limits.ackTimeoutMs, 5 * 60_000),
        window: { maxMessages: limits.maxInFlight, maxLength: 4 * limits.maxFrameBytes },
        maxThreads: 16_384,
        now: Date.now,
      },
      events: {
        onDelivered: (attempt) => {
          metrics.delivered.inc();
          if (attempt > 1) metrics.redelivered.inc();
        },
        onDead: (cause) => metrics.dead.inc({ cause }),
        onFailure: fail,
      },
    });
    let phoenix: PhoenixServer | undefined;
    let stopping: Promise<void> | undefined;
    const metrics = createMetrics({
      sockets: () => phoenix?.size ?? 0,
      agents: () => router.connected,
      inboxMessages: () => inbox.recipients().reduce((sum, did) => sum + inbox.depth(did).messages, 0),
    });
    const http = createHttpServer({
      metrics,
      documentAt: (host, path) => dids.documentAt(host, path, publicUrl),
      isReady: () => stopping === undefined,
    });
    await http.listen({ port: options.port ?? 4000, host: options.host ?? "127.0.0.1" });
    const { port, address, family } = http.server.address() as AddressInfo;
    const authority = `${family === "IPv6" ? `[${address}]` : address}:${port}`;
    const publicUrl = options.publicUrl ?? `http://${authority}`;
    const domain = options.domain ?? `localhost%3A${port}`;

    const gate = new Gate({ apiKeys, dids, router, metrics, limits, domain });
    phoenix = new PhoenixServer(http.server, {
      limits: {
        maxFrameBytes: limits.maxFrameBytes,
        maxChannels: limits.maxChannelsPerSocket,
        idleTimeoutMs: limits.idleTimeoutMs,
        maxMalformed: 100,
        highWaterMark: limits.maxFrameBytes,
      },
      admit: (request) => gate.admit(request),
      events: {
        onMalformed: (what) => {
          metrics.malformedFrames.inc();
          logger.debug({ what }, "malformed frame");
        },
        onRefused: (status) => metrics.refusedConnections.inc({ status: String(status) }),
        onFailure: fail,
      },
    });
    const sweeper = setInterval(() => {
      phoenix?.checkIdle(Date.now());
      router.sweep();
      dids.expire(Date.now() - limits.ephemeralGraceMs, (did) => router.isConnected(did)).then(
        (gone) => Promise.all(gone.map((did) => router.forget(did))).catch(fail),
        fail,
      );
    }, SWEEP_MS);
    sweeper.unref();
    logger.info({ url: `ws://${authority}${SOCKET_PATH}` }, "listening");

    const stop = async (): Promise<void> => {
      clearInterval(sweeper);
      await phoenix?.close(CLOSE_GRACE_MS);
      await http.close();
      await stores.close();
      logger.info("stopped");
    };
    const close = (): Promise<void> => (stopping ??= stop());
    return {
      url: `ws://${authority}${SOCKET_PATH}`,
      httpUrl: `http://${authority}`,
      port,
      apiKey: created?.key,
      createApiKey: (wanted) => apiKeys.create(wanted),
      revokeApiKey: async (id) => {
        const known = await apiKeys.revoke(id);
        phoenix?.drop(id);
        return known;
      },
      listApiKeys: () => apiKeys.list(),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await stores.close();
    throw error;
  }
}

function loggerOf(logger: Logger | false | undefined): Logger {
  if (logger === false) return pino({ level: "silent" });
  return logger ?? pino({ name: "layr8-node", level: "warn" }, pino.destination({ dest: 2, sync: true }));
}
