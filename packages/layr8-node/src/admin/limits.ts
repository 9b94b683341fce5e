import type { NodeLimits } from "../options.ts";
import type { NodeView } from "./node-view.ts";

/** The present use of a limit. */
interface LimitUse {
  readonly used: number;
  /** What uses it most. */
  readonly by: string;
}

const MAX_LOOKED = 5000;
/** Codes of refusals by each limit. */
const REFUSED_BY: Readonly<Partial<Record<keyof NodeLimits, readonly string[]>>> = {
  maxMessageLength: ["e.p.msg.too-large"],
  maxInboxMessages: ["e.p.me.res.inbox"],
  messagesPerSecond: ["e.p.me.res.rate"],
  maxOutboundMessages: ["e.p.me.res.storage"],
};

/** Which limit am I near? Every limit, with its use where the node knows it, and what was refused by it. */
export function readLimitUse(view: NodeView): unknown {
  const { limits, recorder } = view;
  const use = usesOf(view);
  return {
    limits: (Object.keys(limits) as (keyof NodeLimits)[]).map((name) => {
      const codes = REFUSED_BY[name];
      const refused = codes?.reduce((sum, code) => sum + (recorder.refusals.get(code) ?? 0), 0);
      const limit = limits[name];
      return { name, limit: Number.isFinite(limit) ? limit : undefined, ...use[name], refused };
    }),
  };
}

function usesOf({ stores, router, federation, sockets }: NodeView): Partial<Record<keyof NodeLimits, LimitUse>> {
  const { inbox, dids } = stores;
  let fullest: LimitUse = { used: 0, by: "no inbox" };
  let owner: LimitUse = { used: 0, by: "no API key" };
  let inFlight: LimitUse = { used: 0, by: "no connection" };
  let outbound: LimitUse = { used: 0, by: "no sender" };
  const owned = new Map<string, number>();
  let looked = 0;
  for (const { did, ownerKeyId } of dids.all()) {
    owned.set(ownerKeyId, (owned.get(ownerKeyId) ?? 0) + 1);
    if (++looked > MAX_LOOKED) continue;
    fullest = larger(fullest, { used: inbox.usage(did).messages, by: did });
    owner = larger(owner, { used: inbox.ownerUsage(did).messages, by: `API key of ${did}` });
    outbound = larger(outbound, { used: federation().waiting(did), by: did });
    for (const connection of router().mailboxes.describe(did, 0)) inFlight = larger(inFlight, { used: connection.inFlight, by: did });
  }
  const names = new Map(stores.apiKeys.list().map(({ id, name }) => [id, name]));
  let most: LimitUse = { used: 0, by: "no API key" };
  for (const [key, used] of owned) most = larger(most, { used, by: `API key ${names.get(key) ?? key}` });
  return {
    maxConnections: { used: sockets(), by: "all API keys" },
    maxInboxMessages: fullest,
    maxWaitingMessagesPerKey: owner,
    maxInFlight: inFlight,
    maxOutboundMessages: outbound,
    maxDidsPerKey: most,
  };
}

function larger(one: LimitUse, other: LimitUse): LimitUse {
  return other.used > one.used ? other : one;
}
