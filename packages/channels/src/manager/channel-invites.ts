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
/** How long to read a channel that is already joined, to find out whether this agent is still a member, in milliseconds. */
const MEMBERSHIP_MS = 5000;

/** Error codes of a channel that this agent must join again. */
const LOST_MEMBERSHIP: ReadonlySet<string> = new Set(["not_found", "removed", "rolled_back"]);

/** The invites of a manager: creates and revokes invites, joins with a token, and runs a join request worker for each channel. */
export class ChannelInvites {
  readonly #agent: Agent;
  readonly #options: ManagerOptions;
  readonly #closing = new AbortController();
  /** Pending joins by channel. Concurrent calls share one join request. */
  readonly #joins = new Map<string, Promise<GroupChannel>>();
  readonly #recentlyAddedMembers = new Map<string, RecentlyAddedMembers>();
  #joinRequests: JoinRequestStore | undefined;
  #pendingAdmissions: PendingAdmissionStore | undefined;

  constructor(agent: Agent, options: ManagerOptions) {
    this.#agent = agent;
    this.#options = options;
  }

  /** Creates an invite to a channel, and returns its token. */
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

  /** Joins a channel with a token, or opens it if this agent is a member. */
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

  /** Returns the function that creates the join request worker of a channel; `undefined` if this agent approves no joins. */
  async workerFactory(): Promise<((channel: GroupChannel) => JoinRequestWorker) | undefined> {
    const { admit = true, events, admissionTimes: times } = this.#options;
    const { identityKey, store } = await this.#agent.opened();
    const { api } = this.#agent;
    if (api === undefined || !admit) return undefined;
    this.#pendingAdmissions ??= new PendingAdmissionStore(store);
    const pendingAdmissions = this.#pendingAdmissions;
    return (channel) =>
      new JoinRequestWorker({
        channel: joinableChannelOf(channel, identityKey.pair.publicKey, this.#recentlyAddedTo(channel.name)),
        api,
        pendingAdmissions,
        onError: (error) => events?.onError?.(channel.name, error),
        times,
      });
  }

  /** Aborts pending joins; their requests stay on the server. */
  async close(): Promise<void> {
    this.#closing.abort(new TransportError("closed", "the manager is closed"));
    await Promise.allSettled(this.#joins.values());
    await this.#joinRequests?.close();
  }

  /** Closes the store of pending admissions. Called when all join request workers are closed. */
  async closeStore(): Promise<void> {
    await this.#pendingAdmissions?.close();
  }

  /** A commit changed the members of a channel. */
  membersChanged(channel: string, { by, added }: MemberChanges): void {
    this.#recentlyAddedTo(channel).committed(
      by.signatureKey,
      added.map(({ signatureKey }) => signatureKey),
    );
  }

  #recentlyAddedTo(channel: string): RecentlyAddedMembers {
    const recentlyAdded = this.#recentlyAddedMembers.get(channel) ?? new RecentlyAddedMembers();
    this.#recentlyAddedMembers.set(channel, recentlyAdded);
    return recentlyAdded;
  }

  async #join(name: string, invite: Invite, { timeoutMs, receive, signal: outer }: CheckedJoin): Promise<GroupChannel> {
    const until = performance.now() + timeoutMs;
    const signal = outer === undefined ? this.#closing.signal : AbortSignal.any([this.#closing.signal, outer]);
    // Connects first: without a relay the channel is unusable, and the join request would take a use of the invite.
    await this.#agent.connect({ signal, timeoutMs: Math.min(timeoutMs, this.#agent.connection.timeoutMs) });
    const existing = await this.#existing(name, receive, signal);
    if (existing !== undefined) return existing;
    const { store } = await this.#agent.opened();
    this.#joinRequests ??= new JoinRequestStore(store);
    const parts = { api: this.api(), joinRequests: this.#joinRequests, keyPackage: () => this.#agent.generateKeyPackage(), signal };
    for (let rejected: MlsError | undefined; ;) {
      const { welcome, finish, reject } = await requestWelcome({ channel: name, invite, until }, parts).catch((error: unknown) => {
        // No other member answered. The error of the unusable welcome is more useful than the timeout.
        throw rejected !== undefined && error instanceof TransportError && error.code === "join_timeout" ? rejected : error;
      });
      try {
        const channel = await this.#agent.joinChannel(name, welcome, { receive });
        await finish();
        return channel;
      } catch (error) {
        // Any account with access to the channel can answer with garbage. Waits for the answer of another account.
        if (error instanceof MlsError && (await reject())) {
          rejected = error;
          continue;
        }
        // A retry with the same welcome fails too.
        if (error instanceof MlsError || isIdentityTaken(error)) await finish();
        throw error;
      }
    }
  }

  /** The channel, if this agent is a member according to the log, as far as it can be read now. */
  async #existing(name: string, receive: boolean, signal: AbortSignal): Promise<GroupChannel | undefined> {
    try {
      const channel = await this.#agent.openChannel(name, { receive, signal });
      const known = signalWithin(MEMBERSHIP_MS, signal);
      const readAll = async (): Promise<void> => {
        await channel.caughtUp({ signal: known, timeoutMs: Infinity });
        // The channel may have been open before, and not have received its last entries.
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
        "invites require an API server, and this client has no apiKey: set apiKey and apiUrl, or SKYTALE_API_KEY and SKYTALE_API_URL",
      );
    return api;
  }
}

function joinableChannelOf(channel: GroupChannel, ownKey: Uint8Array, recentlyAdded: RecentlyAddedMembers): JoinableChannel {
  return {
    name: channel.name,
    ownKey,
    isActive: () => channel.isActive,
    memberKeys: () => channel.members.map(({ signatureKey }) => signatureKey),
    wasAddedRecently: (key) => recentlyAdded.has(key),
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
