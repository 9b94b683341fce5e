import { signalWithin } from "@parley/core/internal";
import type { ApiClient } from "../api/api-client.ts";
import type { GroupChannel } from "../channel/group-channel.ts";
import { isEqual } from "../channel/channel-member.ts";
import { checkChannelName } from "../channel-name.ts";
import type { Agent } from "../agent.ts";
import { unknownChannel } from "../error-mapping.ts";
import { AuthError, ChannelError, MlsError, TransportError } from "../errors.ts";
import { JoinRequestWorker } from "../invites/join-request-worker.ts";
import { signInviteTerms, identityHash } from "../invites/invite-terms.ts";
import type { JoinableChannel } from "../invites/join-approver.ts";
import { encodeToken, createInvite, decodeToken, type Invite } from "../invites/invite.ts";
import { PendingAdmissionStore } from "../invites/pending-admission-store.ts";
import { JoinRequestStore } from "../invites/join-request-store.ts";
import { requestWelcome } from "../invites/request-welcome.ts";
import type { MemberChanges } from "../client-events.ts";
import { RecentlyAddedMembers } from "../invites/recently-added-members.ts";
import { type CheckedJoin, type InviteOptions, type JoinWithTokenOptions, readInvite, readJoin } from "./invite-options.ts";
import type { ManagerOptions } from "./manager-options.ts";

const SECOND = 1000;
/** How long a channel that is opened in place of a join may take to show whether this agent is still a member, in milliseconds. */
const MEMBERSHIP_MS = 5000;

/** What ends a channel, or keeps it from being opened, where this agent must be let in again. */
const LOST_MEMBERSHIP: ReadonlySet<string> = new Set(["not_found", "removed", "rolled_back"]);

/** A manager's invites: those that it makes, those that it joins by, and those that it lets others in by. */
export class ChannelInvites {
  readonly #agent: Agent;
  readonly #options: ManagerOptions;
  readonly #closing = new AbortController();
  /** Joins under way, by channel: two at once would be two requests. */
  readonly #joins = new Map<string, Promise<GroupChannel>>();
  readonly #newcomers = new Map<string, RecentlyAddedMembers>();
  #records: JoinRequestStore | undefined;
  #pendingAdmissions: PendingAdmissionStore | undefined;

  constructor(agent: Agent, options: ManagerOptions) {
    this.#agent = agent;
    this.#options = options;
  }

  /** Makes an invite to a channel, and gives its token. */
  async invite(channel: GroupChannel, options?: InviteOptions): Promise<string> {
    const { maxUses, ttlSeconds, identity } = readInvite(options);
    const api = this.api();
    const { identityKey } = await this.#agent.opened();
    const invite = createInvite();
    const expiresAt = Math.ceil(Date.now() / SECOND) + ttlSeconds;
    const hash = identity && identityHash(invite.publicKey, identity);
    const terms = { channel: channel.name, inviteKey: invite.publicKey, maxUses, expiresAt, identityHash: hash };
    const attestation = signInviteTerms(terms, (content) => identityKey.sign(content));
    try {
      await api.createInvite({ channel: channel.name, publicKey: invite.publicKey, attestation, maxUses, ttlSeconds });
    } catch (error) {
      const isUnknown = error instanceof ChannelError && error.code === "not_found";
      throw isUnknown ? new ChannelError("not_found", unknownChannel(channel.name), { cause: error }) : error;
    }
    return encodeToken(invite);
  }

  async revoke(name: string, token: string): Promise<void> {
    await this.api().revokeInvite(name, decodeToken(token).id);
  }

  /** Joins a channel by a token, or opens it where this agent is a member. */
  async join(name: string, token: string, options?: JoinWithTokenOptions): Promise<GroupChannel> {
    checkChannelName(name);
    const join = readJoin(options);
    const invite = decodeToken(token);
    this.api();
    const underWay = this.#joins.get(name);
    if (underWay !== undefined) return underWay;
    const joining = this.#join(name, invite, join);
    this.#joins.set(name, joining);
    try {
      return await joining;
    } finally {
      this.#joins.delete(name);
    }
  }

  /** What lets others in at a channel; `undefined` where this agent doesn't. */
  async admissions(): Promise<((channel: GroupChannel) => JoinRequestWorker) | undefined> {
    const { admit = true, events, admissionTimes: times } = this.#options;
    const { identityKey, store } = await this.#agent.opened();
    const { api } = this.#agent;
    if (api === undefined || !admit) return undefined;
    this.#pendingAdmissions ??= new PendingAdmissionStore(store);
    const intents = this.#pendingAdmissions;
    return (channel) =>
      new JoinRequestWorker({
        door: joinableChannelOf(channel, identityKey.pair.publicKey, this.#recentlyAddedTo(channel.name)),
        api,
        intents,
        onError: (error) => events?.onError?.(channel.name, error),
        times,
      });
  }

  /** Ends the joins that wait; their requests stay. */
  async close(): Promise<void> {
    this.#closing.abort(new TransportError("closed", "the manager is closed"));
    await Promise.allSettled(this.#joins.values());
    await this.#records?.close();
  }

  /** To be called when nobody is let in any more. */
  async closeStore(): Promise<void> {
    await this.#pendingAdmissions?.close();
  }

  /** The members of a channel have changed. */
  membersChanged(channel: string, { by, added }: MemberChanges): void {
    this.#recentlyAddedTo(channel).committed(
      by.signatureKey,
      added.map(({ signatureKey }) => signatureKey),
    );
  }

  #recentlyAddedTo(channel: string): RecentlyAddedMembers {
    const newcomers = this.#newcomers.get(channel) ?? new RecentlyAddedMembers();
    this.#newcomers.set(channel, newcomers);
    return newcomers;
  }

  async #join(name: string, invite: Invite, { timeoutMs, receive, signal: outer }: CheckedJoin): Promise<GroupChannel> {
    const until = performance.now() + timeoutMs;
    const signal = outer === undefined ? this.#closing.signal : AbortSignal.any([this.#closing.signal, outer]);
    // Without the relay the channel would be of no use. Nothing is asked of the API server before, so that no use of the invite is taken.
    await this.#agent.connect({ signal, timeoutMs: Math.min(timeoutMs, this.#agent.connection.timeoutMs) });
    const existing = await this.#existing(name, receive, signal);
    if (existing !== undefined) return existing;
    const { store } = await this.#agent.opened();
    this.#records ??= new JoinRequestStore(store);
    const parts = { api: this.api(), records: this.#records, keyPackage: () => this.#agent.generateKeyPackage(), signal };
    for (let rejected: MlsError | undefined; ;) {
      const { welcome, settle, reject } = await requestWelcome({ channel: name, invite, until }, parts).catch((error: unknown) => {
        // No better answer came.
        throw rejected !== undefined && error instanceof TransportError && error.code === "join_timeout" ? rejected : error;
      });
      try {
        const channel = await this.#agent.joinChannel(name, welcome, { receive });
        await settle();
        return channel;
      } catch (error) {
        // Any account that may use the channel can answer with garbage; another member's answer is better.
        if (error instanceof MlsError && (await reject())) {
          rejected = error;
          continue;
        }
        // It will be no better the next time.
        if (error instanceof MlsError || isIdentityTaken(error)) await settle();
        throw error;
      }
    }
  }

  /** The channel, if this agent is a member: as far as can be told now. */
  async #existing(name: string, receive: boolean, signal: AbortSignal): Promise<GroupChannel | undefined> {
    try {
      const channel = await this.#agent.openChannel(name, { receive, signal });
      const known = signalWithin(MEMBERSHIP_MS, signal);
      const readAll = async (): Promise<void> => {
        await channel.caughtUp({ signal: known, timeoutMs: Infinity });
        // The channel may have been open all the time, and its last entries be on their way.
        await channel.position.whenApplied((await channel.logEnd(known)) - 1, known);
      };
      await readAll().catch((error: unknown) => {
        signal.throwIfAborted();
        if (!channel.isActive) throw error;
      });
      await channel.whenLeft(signal);
      return channel.isActive ? channel : undefined;
    } catch (error) {
      if (error instanceof ChannelError && LOST_MEMBERSHIP.has(error.code)) return undefined;
      throw error;
    }
  }

  /** The API server. @throws AuthError `api_key_required` */
  api(): ApiClient {
    const { api } = this.#agent;
    if (api === undefined)
      throw new AuthError(
        "api_key_required",
        "invites need an API server, and this client has no apiKey: set apiKey and apiUrl, or SKYTALE_API_KEY and SKYTALE_API_URL",
      );
    return api;
  }
}

function joinableChannelOf(channel: GroupChannel, ownKey: Uint8Array, newcomers: RecentlyAddedMembers): JoinableChannel {
  return {
    name: channel.name,
    ownKey,
    isActive: () => channel.isActive,
    memberKeys: () => channel.members.map(({ signatureKey }) => signatureKey),
    wasAddedRecently: (key) => newcomers.has(key),
    addMembers: (keyPackages, signal) => channel.addMembers(keyPackages, { signal, timeoutMs: Infinity }),
    removeMember: async (key, signal) => {
      const member = channel.members.find(({ signatureKey }) => isEqual(signatureKey, key));
      if (member !== undefined) await channel.removeMember(member, { signal, timeoutMs: Infinity });
    },
  };
}

function isIdentityTaken(error: unknown): boolean {
  return error instanceof ChannelError && error.code === "identity_taken";
}
