import type { AdminParameters } from "@parley/server-kit";
import { channelRecords, hashed, invites, joins, pendingJoins, type InviteRecord } from "../api/records.ts";
import type { SkytaleView } from "./skytale-view.ts";

const MAX_LISTED = 200;

/** Why does a joiner wait? Invites and their uses, join requests, and who could approve them. */
export async function readInvites({ storage, stores, relay }: SkytaleView, { channel = "" }: AdminParameters): Promise<unknown> {
  const { registry } = stores;
  const now = storage.clock.now();
  const prefix = channel === "" ? invites.prefix : invites.under(hashed(channel));
  const found = await registry.list(prefix, { limit: MAX_LISTED });
  const answered = await registry.list(joins.prefix, { limit: 5 * MAX_LISTED });
  const waiting = await registry.list(channel === "" ? pendingJoins.prefix : pendingJoins.under(hashed(channel)), { limit: MAX_LISTED });
  const record = channel === "" ? undefined : await channelRecords.read(registry, hashed(channel));
  return {
    channel,
    exists: channel === "" || record !== undefined,
    invites: found.map((entry) => shownInvite(invites.of(entry), now)),
    waiting: waiting.length,
    joins: answered
      .map((entry) => joins.of(entry))
      .filter((join) => channel === "" || join.channel === channel)
      .slice(0, MAX_LISTED)
      .map(({ requestId, channel: name, accountId, inviteId, status, createdAt, expiresAt, reason, answeredBy, rejected = [] }) => ({
        requestId,
        channel: name,
        accountId,
        inviteId,
        status: status === "pending" && expiresAt <= now ? "expired" : status,
        createdAt,
        expiresAt,
        reason,
        answeredBy,
        rejected: rejected.length,
        readers: relay().readersOf(name).length,
      }))
      .toSorted((one, other) => other.createdAt - one.createdAt),
  };
}

/** Neither the key of an invite nor its attestation is shown. */
function shownInvite({ id, channel, createdBy, maxUses, uses, createdAt, expiresAt, revoked }: InviteRecord, now: number): unknown {
  const used = uses.filter(({ until }) => until === null).length;
  const held = uses.filter(({ until }) => until !== null && until > now).length;
  const end = expiresAt <= now ? "expired" : used + held >= maxUses ? "exhausted" : "open";
  return { id, channel, createdBy, maxUses, used, held, createdAt, expiresAt, status: revoked ? "revoked" : end };
}
