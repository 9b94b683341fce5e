import type { NodeView } from "./node-view.ts";

/** Something that does not move on, and where to look. */
export interface StuckThing {
  readonly what: string;
  readonly why: string;
  /** A place in the console, such as `agent/<did>`. */
  readonly place: string;
}

/** Inboxes that are looked at, and things that are listed. */
const MAX_LOOKED = 5000;
const MAX_STUCK = 50;
/** Share of an inbox that counts as nearly full. */
const NEARLY_FULL = 0.75;

/** Is the node up, and is anything stuck? */
export async function readOverview({ storage, stores, limits, router, federation, sockets, url, recorder }: NodeView): Promise<unknown> {
  const writes = await storage.checkWrites();
  const depth = federation().depth;
  return {
    url: url(),
    health: writes.ok ? "ok" : "failing",
    healthReason: writes.ok ? undefined : "writes to the disk fail: see the node's log",
    agents: router().mailboxes.connected,
    sockets: sockets(),
    inbox: stores.inbox.totals().messages,
    outbound: depth.messages,
    blocked: depth.blocked,
    oldestMs: recorder.oldestWaiting === undefined ? undefined : Date.now() - recorder.oldestWaiting,
    stuck: stuckThings({ stores, limits, router, federation }),
  };
}

function stuckThings({ stores, limits, router, federation }: Pick<NodeView, "stores" | "limits" | "router" | "federation">): StuckThing[] {
  const stuck: StuckThing[] = [];
  const { mailboxes } = router();
  let looked = 0;
  for (const { did } of stores.dids.all()) {
    if (++looked > MAX_LOOKED || stuck.length >= MAX_STUCK) break;
    const waiting = stores.inbox.usage(did).messages;
    if (waiting === 0) continue;
    const place = `agent/${encodeURIComponent(did)}`;
    const isConnected = mailboxes.isConnected(did);
    // An agent with an ephemeral DID that has left does not come back.
    if (!isConnected && stores.dids.get(did)?.storage === "ephemeral") continue;
    const repeated = mailboxes.describe(did, 100).flatMap(({ deliveries }) => deliveries.filter(({ attempt }) => attempt > 1)).length;
    if (waiting >= NEARLY_FULL * limits.maxInboxMessages) {
      stuck.push({ what: did, why: `its inbox has ${waiting} of ${limits.maxInboxMessages.toLocaleString("en-US")} messages`, place });
    } else if (!isConnected) {
      stuck.push({ what: did, why: `${messages(waiting)} for it, and no agent of it is connected`, place });
    } else if (repeated > 0) {
      stuck.push({ what: did, why: `${messages(repeated)} in flight not acknowledged after the first delivery`, place });
    }
  }
  // A circuit breaker stays open until the next message to its host.
  const waitsElsewhere = federation().depth.messages > 0;
  for (const { host, isOpen } of federation().describe(0).hosts) {
    if (isOpen && waitsElsewhere)
      stuck.push({ what: host, why: "the node there does not answer, and messages wait for it", place: "federation" });
  }
  return stuck;
}

function messages(count: number): string {
  return count === 1 ? "1 message" : `${count} messages`;
}
