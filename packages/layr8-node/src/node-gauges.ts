import type { ServerStorage } from "@parley/server-kit";
import type { Federation } from "./federation/federation.ts";
import type { Gauges } from "./http/metrics.ts";
import type { Mediator } from "./mediation/mediator.ts";
import type { Router } from "./routing/router.ts";
import type { Stores } from "./stores.ts";

/** Sources of gauges. Functions return parts that are created later. */
export interface GaugeSources {
  readonly stores: Pick<Stores, "inbox" | "shared">;
  readonly storage: ServerStorage;
  readonly router: () => Router;
  readonly federation: () => Federation;
  readonly mediator: Mediator | undefined;
  /** Number of open WebSockets. */
  readonly sockets: () => number;
}

/** The values that a node's metrics show of the moment of a scrape. */
export function nodeGauges({ stores, storage, router, federation, mediator, sockets }: GaugeSources): Gauges {
  return {
    sockets,
    agents: () => router().mailboxes.connected,
    inboxMessages: () => stores.inbox.totals().messages,
    unattended: stores.shared?.unattended,
    mediator: mediator && (() => mediator.load()),
    clockHeldBackMs: () => storage.clock.heldBackMs,
    outboundMessages: () => federation().depth.messages,
    outboundBlocked: () => federation().depth.blocked,
  };
}
