import type { RegistryNews } from "../registry/jetstream-registry.ts";
import { channelTopic, joinTopic, type PendingJoin } from "./joins.ts";
import { hashed, invites, joins, signingKeys, type InviteRecord, type JoinRecord } from "./records.ts";

/** Whether {@link readNews} needs a change of a record with this key. */
export function isNews(key: string): boolean {
  return [joins, invites, signingKeys].some(({ prefix }) => key.startsWith(prefix));
}

/** The notices of a commit, which another server may have made, to calls and components on a server. */
export interface CommitNews {
  /** Topics of `Signals`, with the request that came in. */
  readonly signals: readonly { readonly topic: string; readonly news?: PendingJoin }[];
  readonly hasSigningKeys: boolean;
}

/** Reads what a commit changed. Only this program writes records, so their form is what their kind says. */
export function readNews(changes: readonly RegistryNews[]): CommitNews {
  const records = new Map(changes);
  const signals = changes.flatMap(([key, record]) => {
    if (!key.startsWith(joins.prefix)) return [];
    const request = record as JoinRecord | undefined;
    if (request?.status !== "pending") return [{ topic: joinTopic(key.slice(joins.prefix.length)) }];
    const invite = records.get(invites.key(hashed(request.channel), request.inviteId)) as InviteRecord | undefined;
    return [{ topic: channelTopic(request.channel), ...(invite !== undefined && { news: { request, invite } }) }];
  });
  return { signals, hasSigningKeys: changes.some(([key]) => key.startsWith(signingKeys.prefix)) };
}
