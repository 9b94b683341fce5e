import type { Registry } from "../registry/registry.ts";
import { transact, type Transaction } from "../registry/transaction.ts";
import { ApiError } from "./api-error.ts";
import type { Channels, Page, PageOptions } from "./channels.ts";
import { addUsage, removeUsage, shareOf } from "./channel-usage.ts";
import { checkAttestation } from "./attestation-form.ts";
import { inviteIdOf } from "./invite-proof.ts";
import type { ApiLimits } from "./limits.ts";
import { channelRecords, expiries, hashed, invites, timeKey, type InviteRecord, type InviteUse } from "./records.ts";

/** An invite as the accounts of its channel see it. */
export interface InviteInfo {
  readonly id: string;
  readonly channel: string;
  /** Public key of the invite, base64url. */
  readonly inviteKey: string;
  readonly attestation?: string | undefined;
  readonly maxUses: number;
  /** Requests that were admitted, or wait. */
  readonly uses: number;
  /** The account that made it. */
  readonly createdBy: string;
  readonly status: "open" | "exhausted" | "expired" | "revoked";
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** Parameters of a new invite. */
export interface InviteOptions {
  readonly channel: string;
  /** 32 bytes, base64url. */
  readonly inviteKey: string;
  /** The terms, signed by a member: see {@link checkAttestation}. Base64url. */
  readonly attestation: string;
  readonly maxUses: number;
  readonly ttlMs: number;
}

/** Options of {@link Invites}. */
export interface InvitesOptions {
  readonly registry: Registry;
  readonly channels: Channels;
  readonly limits: ApiLimits;
  readonly now: () => number;
  /** Rejects the waiting join requests of an invite, in the transaction that revokes it. */
  readonly rejectRequests: (transaction: Transaction, requestIds: readonly string[]) => Promise<void>;
  /** Notifies the waiting joiners after the transaction. */
  readonly onRejected: (requestIds: readonly string[]) => void;
}

/** Invites, with the number of their remaining uses. The secret of an invite is never sent to the server. */
export class Invites {
  readonly #options: InvitesOptions;

  constructor(options: InvitesOptions) {
    this.#options = options;
  }

  /**
   * Makes an invite. The same call again, by the same account, finds the one that it made.
   *
   * @throws ApiError `invalid_channel_name`, `not_found` (no such channel), `malformed_request`, `id_taken`, `limit_reached`
   */
  create(accountId: string, { channel: name, inviteKey, attestation, maxUses, ttlMs }: InviteOptions): Promise<InviteInfo> {
    const { registry, channels, limits, now } = this.#options;
    if (maxUses > limits.maxUsesPerInvite) throw new ApiError("malformed_request", `max_uses: must be at most ${limits.maxUsesPerInvite}`);
    if (ttlMs > limits.maxInviteTtlMs) {
      throw new ApiError("malformed_request", `ttl_seconds: must be at most ${Math.floor(limits.maxInviteTtlMs / 1000)}`);
    }
    checkAttestation(attestation, { maxUses });
    const id = inviteIdOf(Buffer.from(inviteKey, "base64url"));
    return channels.lock.run(name, () =>
      transact(registry, async (transaction) => {
        const channel = await channels.requireUsable(transaction, accountId, name);
        const existing = await transaction.get(invites, hashed(name), id);
        if (existing !== undefined) {
          if (existing.createdBy === accountId && existing.maxUses === maxUses && existing.attestation === attestation) {
            return infoOf(existing, now());
          }
          throw new ApiError("id_taken", "there is another invite with this key");
        }
        if (channel.invites >= shareOf(channel, accountId, limits.maxInvitesPerChannel)) {
          throw new ApiError("limit_reached", `a channel may have ${limits.maxInvitesPerChannel} invites, some of them by its owner alone`);
        }
        await addUsage(transaction, { channel, accountId, what: "invites", limits });
        const createdAt = now();
        const record: InviteRecord = {
          id,
          channel: name,
          createdBy: accountId,
          inviteKey,
          attestation,
          maxUses,
          uses: [],
          createdAt,
          expiresAt: createdAt + ttlMs,
          revoked: false,
        };
        transaction.put(channelRecords, [hashed(name)], { ...channel, invites: channel.invites + 1 });
        transaction.put(invites, [hashed(name), id], record);
        transaction.put(expiries, [timeKey(record.expiresAt + limits.rememberMs), id], { kind: "invite", channel: name, id });
        return infoOf(record, createdAt);
      }),
    );
  }

  /** The invites of a channel. @throws ApiError `invalid_channel_name`, `not_found` */
  async list(accountId: string, name: string, { limit, after }: PageOptions): Promise<Page<InviteInfo>> {
    const { registry, channels, now } = this.#options;
    await channels.checkUsable(accountId, name);
    const prefix = invites.under(hashed(name));
    const entries = await registry.list(prefix, { limit: limit + 1, after: after === undefined ? undefined : prefix + after });
    const items = entries.slice(0, limit).map((entry) => infoOf(invites.of(entry), now()));
    return { items, next: entries.length > limit ? items.at(-1)?.id : undefined };
  }

  /**
   * Ends an invite, for the account that made it and for the channel's owner. Its waiting join requests are rejected.
   *
   * @throws ApiError `invalid_channel_name`, `not_found` (no such channel), `invite_unknown`, `not_permitted`
   */
  async revoke(accountId: string, name: string, id: string): Promise<void> {
    const { registry, channels, rejectRequests, onRejected, now } = this.#options;
    const waiting = await channels.lock.run(name, () =>
      transact(registry, async (transaction) => {
        const channel = await channels.requireUsable(transaction, accountId, name);
        const invite = await transaction.get(invites, hashed(name), id);
        if (invite === undefined) throw new ApiError("invite_unknown", "no such invite");
        if (accountId !== invite.createdBy && accountId !== channel.owner) {
          throw new ApiError("not_permitted", "an invite is revoked by the account that made it, or by the channel's owner");
        }
        const held = heldUses(invite, now()).flatMap(({ requestId, until }) => (until === null ? [] : requestId));
        transaction.put(invites, [hashed(name), id], { ...invite, revoked: true, uses: invite.uses.filter(({ until }) => until === null) });
        await rejectRequests(transaction, held);
        return held;
      }),
    );
    onRejected(waiting);
  }

  /** Removes the record of an invite that ended long ago. */
  async forget(name: string, id: string): Promise<void> {
    const { registry, channels } = this.#options;
    await channels.lock.run(name, () =>
      transact(registry, async (transaction) => {
        const invite = await transaction.get(invites, hashed(name), id);
        const channel = await transaction.get(channelRecords, hashed(name));
        if (invite === undefined || channel === undefined) return;
        transaction.remove(invites, hashed(name), id);
        await removeUsage(transaction, { channel: name, accountId: invite.createdBy, what: "invites" });
        transaction.put(channelRecords, [hashed(name)], { ...channel, invites: channel.invites - 1 });
      }),
    );
  }
}

/** Takes one use of an invite for a request, until a time. @throws ApiError `invite_revoked`, `invite_expired`, `invite_exhausted` */
export function reserveUse(invite: InviteRecord, requestId: string, until: number, now: number): InviteRecord {
  if (invite.revoked) throw new ApiError("invite_revoked", "the invite was revoked");
  if (invite.expiresAt <= now) throw new ApiError("invite_expired", "the invite has expired");
  const uses = heldUses(invite, now);
  if (uses.length >= invite.maxUses) throw new ApiError("invite_exhausted", "all uses of the invite are taken");
  return { ...invite, uses: [...uses, { requestId, until }] };
}

/** Ends the hold of a request: its use is used up, or free again. */
export function settleUse(invite: InviteRecord, requestId: string, outcome: "used" | "free"): InviteRecord {
  const others = invite.uses.filter((use) => use.requestId !== requestId);
  return { ...invite, uses: outcome === "used" ? [...others, { requestId, until: null }] : others };
}

/** The number of used and reserved uses. Expired reservations are not counted. */
function heldUses({ uses }: InviteRecord, now: number): readonly InviteUse[] {
  return uses.filter(({ until }) => until === null || until > now);
}

function infoOf(record: InviteRecord, now: number): InviteInfo {
  const { id, channel, inviteKey, attestation, maxUses, createdBy, createdAt, expiresAt } = record;
  const uses = heldUses(record, now).length;
  const end = expiresAt <= now ? "expired" : uses >= maxUses ? "exhausted" : "open";
  const status = record.revoked ? "revoked" : end;
  return { id, channel, inviteKey, attestation, maxUses, uses, createdBy, status, createdAt, expiresAt };
}
