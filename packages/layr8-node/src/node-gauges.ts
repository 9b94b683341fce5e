import type { ServerStorage } from "@parley/server-kit";
import type { Federation } from "./federation/federation.ts";
import type { Gauges } from "./http/metrics.ts";
import type { Inbox } from "./inbox/inbox.ts";
import type { Router } from "./routing/router.ts";

/** What gauges read. Functions return parts that are created later. */
export interface GaugeSources {
  readonly inbox: Inbox;
  readonly storage: ServerStorage;
  readonly router: () => Router;
  readonly federation: () => Federation;
  /** Number of open WebSockets. */
  readonly sockets: () => number;
}

/** The values that a node's metrics show of the moment of a scrape. */
export function nodeGauges({ inbox, storage, router, federation, sockets }: GaugeSources): Gauges {
  return {
    sockets,
    agents: () => router().mailboxes.connected,
    inboxMessages: () => inbox.totals().messages,
    clockHeldBackMs: () => storage.clock.heldBackMs,
    outboundMessages: () => federation().depth.messages,
    outboundBlocked: () => federation().depth.blocked,
  };
}
