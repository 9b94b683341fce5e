import type { Registry } from "../registry/registry.ts";
import { transact, type Transaction } from "../registry/transaction.ts";
import { ApiError } from "./api-error.ts";
import { noSuchChannel, type Channels, type PageOptions } from "./channels.ts";
import { checkChannelName } from "./channel-name.ts";
import { addUsage, removeUsage, shareOf } from "./channel-usage.ts";
import { isValidProof } from "./invite-proof.ts";
import { reserveUse, settleUse } from "./invites.ts";
import type { ApiLimits } from "./limits.ts";
import { channelRecords, expiries, hashed, invites, joins, pendingJoins, timeKey, type InviteRecord, type JoinRecord } from "./records.ts";

/** The join request as submitted. Bytes are base64url. */
export interface JoinSubmission {
  readonly channel: string;
  readonly inviteId: string;
  readonly requestId: string;
  readonly keyPackage: string;
  readonly proof: string;
}

/** A request to join in the view of the joiner. */
export interface JoinState {
  readonly requestId: string;
  readonly channel: string;
  readonly status: "pending" | "admitted" | "refused" | "expired";
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly welcome?: string | undefined;
  readonly sequence?: number | undefined;
  readonly reason?: string | undefined;
}

/** A request to join as members see it, with what they need to check it. */
export interface PendingJoin {
  readonly request: JoinRecord;
  readonly invite: InviteRecord;
}

/** Requests that wait, and what the next ones come after. */
export interface PendingPage {
  readonly items: readonly PendingJoin[];
  readonly next?: string | undefined;
}

/** A member's response to a join request. */
export type JoinResponse =
  | {
      readonly status: "admitted";
      readonly welcome: string;
      readonly sequence?: number | undefined;
      /** Signature key of the new member. Base64url. */
      readonly memberKey?: string | undefined;
    }
  | { readonly status: "refused"; readonly reason?: string | undefined };

type Outcome = (JoinResponse & { readonly answeredBy?: string }) | { readonly status: "expired" };

/** Responses that a joiner can reject; the last one stands. */
const MAX_REJECTIONS = 8;

/** Options of {@link Joins}. */
export interface JoinsOptions {
  readonly registry: Registry;
  readonly channels: Channels;
  readonly limits: ApiLimits;
  readonly now: () => number;
  /**
   * There is a new request on a channel, with the request as news; or a response to a request, without any. The topics are
   * {@link channelTopic} and {@link joinTopic}.
   */
  readonly notify: (topic: string, news?: PendingJoin) => void;
}

/** What is notified when a request to join a channel comes in. */
export function channelTopic(channel: string): string {
  return `channel ${channel}`;
}

/** The page that a new request is, to a call that has seen all that came up to `after`. */
export function newsAfter(join: PendingJoin, after: string | undefined): PendingPage | undefined {
  const { order } = join.request;
  return after === undefined || order > after ? { items: [join], next: order } : undefined;
}

/** The topic of the response to a join request. */
export function joinTopic(requestId: string): string {
  return `join ${requestId}`;
}

/**
 * Requests to join, from their arrival to the removal of their records. Each step is durable when its call resolves; repeating a call
 * changes nothing.
 */
export class Joins {
  readonly #options: JoinsOptions;
  #lastOrder = 0;

  constructor(options: JoinsOptions) {
    this.#options = options;
  }

  /**
   * Accepts a join request for approval. It holds a use of its invite until it has a response, is withdrawn or expires.
   *
   * @throws ApiError `invalid_channel_name`, `invite_unknown`, `invite_expired`, `invite_exhausted`, `invite_revoked`, `join_expired`,
   *   `id_taken`, `limit_reached`
   */
  async submit(accountId: string, submission: JoinSubmission): Promise<JoinState> {
    const { registry, channels, limits, now, notify } = this.#options;
    const { channel: name, inviteId, requestId } = submission;
    checkChannelName(name);
    const { state, news } = await channels.lock.run(name, () =>
      transact(registry, async (transaction) => {
        const existing = await transaction.get(joins, requestId);
        if (existing !== undefined) return { state: this.#repeated(existing, accountId, submission) };
        const invite = await transaction.get(invites, hashed(name), inviteId);
        const channel = await transaction.get(channelRecords, hashed(name));
        if (invite === undefined || channel === undefined || !hasValidProof(submission, invite)) throw unknownInvite();
        const createdAt = now();
        const expiresAt = createdAt + limits.joinWindowMs;
        const reserved = reserveUse(invite, requestId, expiresAt, createdAt);
        if (channel.pending >= shareOf(channel, invite.createdBy, limits.maxPendingPerChannel)) {
          throw new ApiError("limit_reached", `${limits.maxPendingPerChannel} requests to join may wait on a channel`);
        }
        await addUsage(transaction, { channel, accountId, what: "waiting", limits });
        await addUsage(transaction, { channel, accountId: invite.createdBy, what: "waitingByInvite", limits });
        const order = this.#nextOrder(requestId);
        const record: JoinRecord = { ...submission, accountId, order, status: "pending", createdAt, expiresAt };
        transaction.put(invites, [hashed(name), inviteId], reserved);
        transaction.put(channelRecords, [hashed(name)], { ...channel, pending: channel.pending + 1 });
        transaction.put(joins, [requestId], record);
        transaction.put(pendingJoins, [hashed(name), order], { id: requestId });
        transaction.put(expiries, expiryKey(record), { kind: "join", channel: name, id: requestId });
        return { state: stateOf(record, createdAt), news: { request: record, invite: reserved } };
      }),
    );
    if (news !== undefined) notify(channelTopic(name), news);
    return state;
  }

  /** A request, for the account that made it. @throws ApiError `join_unknown` */
  async get(accountId: string, requestId: string): Promise<JoinState> {
    const record = await joins.read(this.#options.registry, requestId);
    if (record?.accountId !== accountId) throw unknownJoin();
    return stateOf(record, this.#options.now());
  }

  /**
   * Withdraws a request, or removes it after the joiner has its response.
   *
   * @throws ApiError `join_unknown`
   */
  async remove(accountId: string, requestId: string): Promise<void> {
    const { registry, channels, notify } = this.#options;
    const record = await joins.read(registry, requestId);
    if (record?.accountId !== accountId) throw unknownJoin();
    await channels.lock.run(record.channel, () =>
      transact(registry, async (transaction) => {
        const current = await transaction.get(joins, requestId);
        if (current === undefined) return;
        if (current.status === "pending") await this.#settle(transaction, current, { status: "expired" });
        await this.#remove(transaction, current);
      }),
    );
    notify(joinTopic(requestId));
  }

  /**
   * Rejects the response to a request, for the account that sent the request: its Welcome is unusable. The request waits for the response
   * of another account in the remaining time; a grant created by the response ends.
   *
   * @throws ApiError `join_unknown`, `join_expired`, `limit_reached` (too many rejections)
   */
  async rejectResponse(accountId: string, requestId: string): Promise<JoinState> {
    const { registry, channels, limits, now, notify } = this.#options;
    const known = await joins.read(registry, requestId);
    if (known?.accountId !== accountId) throw unknownJoin();
    const { channel: name } = known;
    const { state, news } = await channels.lock.run(name, () =>
      transact(registry, async (transaction) => {
        const record = await transaction.get(joins, requestId);
        const invite = await transaction.get(invites, hashed(name), known.inviteId);
        const channel = await transaction.get(channelRecords, hashed(name));
        if (record === undefined || channel === undefined) throw unknownJoin();
        // The same rejection again; or a response of one's own account, which has no better one.
        if (record.status !== "admitted" || record.answeredBy === accountId) return { state: stateOf(record, now()) };
        const expiresAt = record.createdAt + limits.joinWindowMs;
        if (expiresAt <= now() || invite === undefined) throw new ApiError("join_expired", "the request has expired; make another one");
        const { answeredBy, hasMadeGrant, welcome: _, sequence: __, ...request } = record;
        const rejected = [...(record.rejected ?? []), ...(answeredBy === undefined ? [] : [answeredBy])];
        if (rejected.length > MAX_REJECTIONS)
          throw new ApiError("limit_reached", `${MAX_REJECTIONS} responses to a request can be rejected`);
        await this.#unlist(transaction, record);
        const order = this.#nextOrder(requestId);
        const waiting: JoinRecord = { ...request, order, status: "pending", expiresAt, rejected };
        const others = invite.uses.filter((use) => use.requestId !== requestId);
        const held = { ...invite, uses: [...others, { requestId, until: expiresAt }] };
        transaction.put(invites, [hashed(name), invite.id], held);
        transaction.put(channelRecords, [hashed(name)], { ...channel, pending: channel.pending + 1 });
        transaction.put(joins, [requestId], waiting);
        transaction.put(pendingJoins, [hashed(name), order], { id: requestId });
        transaction.put(expiries, expiryKey(waiting), { kind: "join", channel: name, id: requestId });
        if (hasMadeGrant === true) await channels.removeMaker(transaction, name, { accountId, maker: invite.createdBy });
        await addUsage(transaction, { channel, accountId, what: "waiting", limits });
        await addUsage(transaction, { channel, accountId: invite.createdBy, what: "waitingByInvite", limits });
        return { state: stateOf(waiting, now()), news: { request: waiting, invite: held } };
      }),
    );
    if (news !== undefined) notify(channelTopic(name), news);
    return state;
  }

  /** Expires a request that waited too long, and removes the record of one that ended long ago. */
  async expire(name: string, requestId: string): Promise<void> {
    const { registry, channels, now, notify } = this.#options;
    const isEnded = await channels.lock.run(name, () =>
      transact(registry, async (transaction) => {
        const record = await transaction.get(joins, requestId);
        if (record === undefined || record.expiresAt > now()) return false;
        if (record.status === "pending") await this.#settle(transaction, record, { status: "expired" });
        else await this.#remove(transaction, record);
        return true;
      }),
    );
    if (isEnded) notify(joinTopic(requestId));
  }

  /**
   * Lists the pending join requests of a channel, oldest first, for accounts with channels.
   *
   * @throws ApiError `invalid_channel_name`, `not_found`
   */
  async pending(accountId: string, name: string, { limit, after }: PageOptions): Promise<PendingPage> {
    const { registry, channels, now } = this.#options;
    await channels.checkUsable(accountId, name);
    const prefix = pendingJoins.under(hashed(name));
    const entries = await registry.list(prefix, { limit, after: after === undefined ? undefined : prefix + after });
    const found = await Promise.all(entries.map((entry) => this.#pendingJoin(pendingJoins.of(entry).id)));
    const items = found.flatMap((join) => (join === undefined || join.request.expiresAt <= now() ? [] : join));
    return { items, next: entries.at(-1)?.key.slice(prefix.length) ?? after };
  }

  /**
   * Responds to a request. An approved account can use the channel from then on. The same response again changes nothing.
   *
   * @throws ApiError `invalid_channel_name`, `not_found` (no such channel), `join_unknown`, `join_expired`, `already_answered` (also when
   *   the joiner has rejected a response of this account), `limit_reached` (grants)
   */
  async respond(memberId: string, name: string, requestId: string, response: JoinResponse): Promise<void> {
    const { registry, channels, now, notify } = this.#options;
    checkChannelName(name);
    const isNew = await channels.lock.run(name, () =>
      transact(registry, async (transaction) => {
        await channels.requireUsable(transaction, memberId, name);
        const record = await transaction.get(joins, requestId);
        if (record?.channel !== name) throw unknownJoin();
        if (record.status !== "pending") {
          if (isSame(record, response)) return false;
          throw new ApiError("already_answered", `the request was ${record.status} before`);
        }
        if (record.rejected?.includes(memberId) === true) {
          throw new ApiError("already_answered", "the joiner has rejected a response of this account");
        }
        if (record.expiresAt <= now()) throw new ApiError("join_expired", "the request has expired");
        await this.#settle(transaction, record, { ...response, answeredBy: memberId });
        return true;
      }),
    );
    if (isNew) notify(joinTopic(requestId));
  }

  /** Rejects requests in the transaction that revokes their invite. The caller notifies their joiners afterwards. */
  async rejectRequests(transaction: Transaction, requestIds: readonly string[]): Promise<void> {
    for (const requestId of requestIds) {
      const record = await transaction.get(joins, requestId);
      if (record?.status !== "pending") continue;
      await this.#settle(transaction, record, { status: "refused", reason: "the invite was revoked" });
    }
  }

  async #settle(transaction: Transaction, record: JoinRecord, outcome: Outcome): Promise<void> {
    const { channels, limits, now } = this.#options;
    const { requestId, inviteId, channel: name } = record;
    const channel = await transaction.get(channelRecords, hashed(name));
    const invite = await transaction.get(invites, hashed(name), inviteId);
    if (channel === undefined) throw noSuchChannel();
    await this.#unlist(transaction, record);
    await removeUsage(transaction, { channel: name, accountId: record.accountId, what: "waiting" });
    if (invite !== undefined) await removeUsage(transaction, { channel: name, accountId: invite.createdBy, what: "waitingByInvite" });
    const left = { ...channel, pending: channel.pending - 1 };
    const maker = invite?.createdBy ?? channel.owner;
    let hasMadeGrant: boolean | undefined;
    if (outcome.status === "admitted") {
      const { memberKey } = outcome;
      hasMadeGrant = await channels.addGrant(transaction, left, { accountId: record.accountId, maker, memberKey });
    } else transaction.put(channelRecords, [hashed(name)], left);
    const { memberKey: _, ...kept } = { memberKey: undefined, ...outcome };
    const settled: JoinRecord = { ...record, ...kept, hasMadeGrant, expiresAt: now() + limits.rememberMs };
    transaction.put(joins, [requestId], settled);
    transaction.put(expiries, expiryKey(settled), { kind: "join", channel: name, id: requestId });
    if (invite !== undefined) {
      transaction.put(invites, [hashed(name), inviteId], settleUse(invite, requestId, outcome.status === "admitted" ? "used" : "free"));
    }
  }

  async #remove(transaction: Transaction, { requestId }: JoinRecord): Promise<void> {
    const record = await transaction.get(joins, requestId);
    if (record === undefined) return;
    await this.#unlist(transaction, record);
    transaction.remove(joins, requestId);
  }

  /** Takes a request from the lists of those that wait and that end. */
  async #unlist(transaction: Transaction, record: JoinRecord): Promise<void> {
    const place = [hashed(record.channel), record.order] as const;
    if ((await transaction.get(pendingJoins, ...place)) !== undefined) transaction.remove(pendingJoins, ...place);
    if ((await transaction.get(expiries, ...expiryKey(record))) !== undefined) transaction.remove(expiries, ...expiryKey(record));
  }

  async #pendingJoin(requestId: string): Promise<PendingJoin | undefined> {
    const { registry } = this.#options;
    const request = await joins.read(registry, requestId);
    if (request?.status !== "pending") return undefined;
    const invite = await invites.read(registry, hashed(request.channel), request.inviteId);
    return invite === undefined ? undefined : { request, invite };
  }

  #repeated(record: JoinRecord, accountId: string, { channel, inviteId, keyPackage, proof }: JoinSubmission): JoinState {
    const isSameRequest = record.channel === channel && record.inviteId === inviteId && record.keyPackage === keyPackage;
    if (record.accountId !== accountId || !isSameRequest || record.proof !== proof) {
      throw new ApiError("id_taken", "there is another request with this id");
    }
    const state = stateOf(record, this.#options.now());
    if (state.status === "expired") throw new ApiError("join_expired", "the request has expired; make another one");
    return state;
  }

  /** Requests of one channel are in the order in which they came, over restarts too. */
  #nextOrder(requestId: string): string {
    this.#lastOrder = Math.max(this.#lastOrder + 1, this.#options.now());
    return `${timeKey(this.#lastOrder)}-${requestId}`;
  }
}

function hasValidProof({ channel, inviteId, requestId, keyPackage, proof }: JoinSubmission, invite: InviteRecord): boolean {
  const content = { channel, inviteId, requestId, keyPackage: Buffer.from(keyPackage, "base64url") };
  return isValidProof(Buffer.from(proof, "base64url"), content, Buffer.from(invite.inviteKey, "base64url"));
}

function isSame(record: JoinRecord, response: JoinResponse): boolean {
  if (record.status !== response.status) return false;
  return response.status === "admitted" ? record.welcome === response.welcome && record.sequence === response.sequence : true;
}

function stateOf(record: JoinRecord, now: number): JoinState {
  const { requestId, channel, createdAt, expiresAt, welcome, sequence, reason } = record;
  const status = record.status === "pending" && expiresAt <= now ? "expired" : record.status;
  return { requestId, channel, status, createdAt, expiresAt, welcome, sequence, reason };
}

function expiryKey({ expiresAt, requestId }: JoinRecord): readonly [string, string] {
  return [timeKey(expiresAt), requestId];
}

function unknownInvite(): ApiError {
  return new ApiError("invite_unknown", "no such invite of this channel, or the proof doesn't fit it");
}

function unknownJoin(): ApiError {
  return new ApiError("join_unknown", "no such request to join");
}
