import type { AdminParameters } from "@parley/server-kit";
import type { NodeView } from "./node-view.ts";

/** DIDs that are looked at, and that are listed. */
const MAX_LOOKED = 20_000;
const MAX_LISTED = 1000;
/** Deliveries of one connection, and messages of an inbox, that are shown. */
const MAX_DELIVERIES = 100;
const PAGE = { limit: 100, maxLength: 1024 * 1024 };

/** Who is connected, as which DID, for which protocols, how far behind? */
export function readAgents({ stores, router }: NodeView, { q = "" }: AdminParameters): unknown {
  const { mailboxes } = router();
  const names = new Map(stores.apiKeys.list().map(({ id, name }) => [id, name]));
  const wanted = q.toLowerCase();
  const found = [];
  let [looked, total] = [0, 0];
  for (const { did, storage, ownerKeyId, lastSeenAt } of stores.dids.all()) {
    if (++looked > MAX_LOOKED) break;
    const protocols = [...mailboxes.protocolsOf(did)];
    if (wanted !== "" && ![did, ...protocols].some((text) => text.toLowerCase().includes(wanted))) continue;
    total += 1;
    const isConnected = mailboxes.isConnected(did);
    const key = names.get(ownerKeyId) ?? ownerKeyId;
    found.push({ did, isConnected, storage, key, keyId: ownerKeyId, lastSeenAt, protocols, waiting: stores.inbox.usage(did).messages });
  }
  const agents = found
    .toSorted(
      (one, other) => Number(other.isConnected) - Number(one.isConnected) || other.waiting - one.waiting || (one.did < other.did ? -1 : 1),
    )
    .slice(0, MAX_LISTED);
  return { total, agents };
}

/** Why does this agent get nothing? */
export async function readAgent({ stores, limits, router, federation }: NodeView, { did = "" }: AdminParameters): Promise<unknown> {
  const hosted = stores.dids.get(did);
  if (hosted === undefined) return { did, isHosted: false };
  const key = stores.apiKeys.list().find(({ id }) => id === hosted.ownerKeyId);
  const { inbox } = stores;
  const depth = await inbox.depth(did);
  const waiting = await (await inbox.peek(did)).read({ after: 0, ...PAGE });
  return {
    did,
    isHosted: true,
    storage: hosted.storage,
    createdAt: hosted.createdAt,
    lastSeenAt: hosted.lastSeenAt,
    keyId: hosted.ownerKeyId,
    key: key?.name,
    isKeyRevoked: key === undefined,
    isConnected: router().mailboxes.isConnected(did),
    connections: router().mailboxes.describe(did, MAX_DELIVERIES),
    waiting: depth.messages,
    waitingLength: depth.length,
    maxWaiting: limits.maxInboxMessages,
    deadLetters: stores.deadLetters?.count(did),
    toOtherNodes: federation().waiting(did),
    inbox: waiting.map(({ seq, id, type, from, thread, attempts, expiresAt, plaintext, authorized }) => ({
      seq,
      id,
      type,
      from,
      thread: thread ?? id,
      attempts,
      expiresAt,
      size: plaintext.length,
      authorized,
      hasReceiver: router().mailboxes.wouldTake(did, { id, type, thread, parentThread: undefined }),
    })),
  };
}
