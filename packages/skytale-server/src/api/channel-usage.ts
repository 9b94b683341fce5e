import type { Transaction } from "../registry/transaction.ts";
import { ApiError } from "./api-error.ts";
import type { ApiLimits } from "./limits.ts";
import { hashed, usages, type ChannelRecord, type UsageRecord } from "./records.ts";

/** What is counted for each account on each channel that it doesn't own. */
export type Usage = keyof UsageRecord;

const NOTHING: UsageRecord = { invites: 0, waitingByInvite: 0, waiting: 0, grants: 0 };

const LIMIT: Readonly<Record<Usage, keyof ApiLimits>> = {
  invites: "maxInvitesPerAccount",
  waitingByInvite: "maxPendingPerAccount",
  waiting: "maxPendingPerAccount",
  grants: "maxGrantsPerAccount",
};
const WHAT: Readonly<Record<Usage, string>> = {
  invites: "invites",
  waitingByInvite: "waiting requests to join by its invites",
  waiting: "waiting requests to join",
  grants: "grants by its invites",
};

/** Counts one more thing of an account on a channel. The owner's are not counted. @throws ApiError `limit_reached` */
export async function addUsage(
  transaction: Transaction,
  { channel, accountId, what, limits }: { channel: ChannelRecord; accountId: string; what: Usage; limits: ApiLimits },
): Promise<void> {
  if (channel.owner === accountId) return;
  const usage = await transaction.get(usages, hashed(channel.name), accountId);
  const limit = limits[LIMIT[what]];
  const count = (usage?.[what] ?? 0) + 1;
  if (count > limit) throw new ApiError("limit_reached", `an account may have ${limit} ${WHAT[what]} on a channel of another account`);
  transaction.put(usages, [hashed(channel.name), accountId], { ...NOTHING, ...usage, [what]: count });
}

/** Counts one less. */
export async function removeUsage(
  transaction: Transaction,
  { channel, accountId, what }: { channel: string; accountId: string; what: Usage },
): Promise<void> {
  const usage = await transaction.get(usages, hashed(channel), accountId);
  // Made before accounts were counted, or by the owner.
  if (usage === undefined || usage[what] === 0) return;
  const left = { ...usage, [what]: usage[what] - 1 };
  if (Object.values(left).every((count) => count === 0)) transaction.remove(usages, hashed(channel), accountId);
  else transaction.put(usages, [hashed(channel), accountId], left);
}

/** How many of a channel's `max` an account may use: the last eighth is for the owner. */
export function shareOf(channel: ChannelRecord, accountId: string, max: number): number {
  return channel.owner === accountId ? max : max - Math.floor(max / 8);
}
