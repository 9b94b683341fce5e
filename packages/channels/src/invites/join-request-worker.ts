import { setImmediate, setTimeout as delay } from "node:timers/promises";
import { ParleyError } from "@parley/core";
import { backoffMs } from "@parley/core/internal";
import type { ApiClient } from "../api/api-client.ts";
import type { PendingJoin } from "../api/join-state.ts";
import { isEqual } from "../channel/channel-member.ts";
import { ChannelError } from "../errors.ts";
import { decideJoin } from "./decide-join.ts";
import type { InviteError } from "./invite-error.ts";
import { JoinApprover, type JoinableChannel } from "./join-approver.ts";
import type { PendingAdmissionStore } from "./pending-admission-store.ts";
import { RetrySchedule, type RetryTimes } from "./retry-schedule.ts";

/** Constructor parameters of {@link JoinRequestWorker}. */
export interface JoinRequestWorkerOptions {
  readonly channel: JoinableChannel;
  readonly api: ApiClient;
  readonly pendingAdmissions: PendingAdmissionStore;
  /** Called with invalid requests, and with failures that a retry does not fix. Must not throw. */
  readonly onError: (error: Error) => void;
  readonly times?: RetryTimes | undefined;
}

/** Longest wait for the next request, in seconds. */
const WAIT_SECONDS = 25;
const SECOND = 1000;
/** Limit on remembered requests and invites. Only a malicious server lists more. */
const MAX_REMEMBERED = 10_000;
const BACKOFF = { initialMs: 500, maxMs: 15_000 };

/**
 * Polls the server for join requests to one channel, and approves those made with a member's invite.
 *
 * Runs at each online member. The member that created the invite acts first; others act after a random delay if it does not. Concurrent
 * requests are approved in a single commit.
 */
export class JoinRequestWorker {
  readonly #options: JoinRequestWorkerOptions;
  readonly #stop = new AbortController();
  readonly #schedule: RetrySchedule;
  readonly #approver: JoinApprover;
  /** Requests whose proof is invalid, which were reported. */
  readonly #ignored = new Set<string>();
  /** Signature keys of inviters, by invite id. */
  readonly #inviters = new Map<string, Uint8Array>();
  readonly #running: Promise<void>;

  constructor(options: JoinRequestWorkerOptions) {
    const { channel, api, pendingAdmissions, times } = options;
    this.#options = options;
    this.#schedule = new RetrySchedule(times);
    this.#approver = new JoinApprover({
      channel,
      api,
      pendingAdmissions,
      signal: this.#stop.signal,
      onFailure: (join, error) => {
        const isMember = error instanceof ChannelError && error.code === "already_member";
        this.#schedule.put(idOf(join), isMember ? "welcome" : "turn");
        if (!isMember) this.#report(error);
      },
    });
    this.#running = this.#run();
  }

  /** Resolves when the current request is finished. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let after: string | undefined;
    let wasReported = false;
    for (let failures = 0; !signal.aborted && this.#options.channel.isActive();) {
      try {
        const dueInMs = this.#schedule.dueInMs();
        after = dueInMs === 0 ? await this.#pollAll() : await this.#pollNew(after, dueInMs);
        failures = 0;
        wasReported = false;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        // Reports only the first of several failures in a row.
        if (!wasReported) wasReported = this.#report(error);
        await delay(backoffMs(failures, BACKOFF), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Waits for new requests. */
  async #pollNew(after: string | undefined, dueInMs = WAIT_SECONDS * SECOND): Promise<string | undefined> {
    const { api, channel } = this.#options;
    const waitSeconds = Math.min(WAIT_SECONDS, Math.ceil(dueInMs / SECOND));
    const { joins, next } = await api.pending(channel.name, { after, waitSeconds, signal: this.#stop.signal });
    await this.#process(joins);
    return next ?? after;
  }

  /** Processes all pending requests, including postponed ones. */
  async #pollAll(): Promise<string | undefined> {
    const { api, channel } = this.#options;
    const found = new Set<string>();
    for (let after: string | undefined; ;) {
      const { joins, next } = await api.pending(channel.name, { after, signal: this.#stop.signal });
      for (const join of joins) found.add(idOf(join));
      await this.#process(joins);
      if (joins.length === 0 || next === undefined || next === after) {
        this.#schedule.retain(found);
        return next ?? after;
      }
      after = next;
    }
  }

  async #process(joins: readonly PendingJoin[]): Promise<void> {
    const memberKeys = this.#options.channel.memberKeys();
    const approved: PendingJoin[] = [];
    for (const join of joins) {
      if (this.#ignored.has(idOf(join))) continue;
      // Verifying an invite takes one signature check per member. Yields to the event loop in between.
      await setImmediate();
      if (await this.#prepareApproval(join, memberKeys)) approved.push(join);
    }
    await this.#approver.approve(approved);
  }

  /**
   * Decides about a request. Rejects an invalid one, postpones one that another member may answer, and removes a joiner that was added without
   * its Welcome. Returns whether to approve the request now.
   */
  async #prepareApproval(join: PendingJoin, memberKeys: readonly Uint8Array[]): Promise<boolean> {
    const { channel, pendingAdmissions } = this.#options;
    const id = idOf(join);
    const decision = decideJoin(join, { ownKey: channel.ownKey, memberKeys: this.#inviterFirst(join, memberKeys), now: Date.now() });
    if (decision.kind !== "invalid") this.#remember(join, decision.inviter);
    if (decision.kind === "approve") return isEqual(decision.inviter, channel.ownKey) || !this.#schedule.postpone(id, "turn");
    if (decision.kind === "invalid") {
      await this.#reject(join, decision.error);
      return false;
    }
    if (this.#schedule.postpone(id, "welcome")) return false;
    // The joiner is a member. It is removed and added again only if it cannot have its Welcome: otherwise a server that replays an old
    // request could have a member removed.
    if (!channel.wasAddedRecently(decision.key) && !(await pendingAdmissions.has(join.requestId))) {
      this.#schedule.put(id, "welcome");
      return false;
    }
    // The member that added the joiner may only have been slow. If it has stored the Welcome by now, the joiner is a member in good order.
    if (!(await this.#isPending(join))) return false;
    // That member stopped before it stored the Welcome, which only that member had.
    await channel.removeMember(decision.key, this.#stop.signal);
    return true;
  }

  /** Queries the server whether a request still has no answer. */
  async #isPending({ requestId }: PendingJoin): Promise<boolean> {
    const { api, channel } = this.#options;
    for (let after: string | undefined; ;) {
      const { joins, next } = await api.pending(channel.name, { after, signal: this.#stop.signal });
      if (joins.some((join) => isEqual(join.requestId, requestId))) return true;
      if (joins.length === 0 || next === undefined || next === after) return false;
      after = next;
    }
  }

  async #reject(join: PendingJoin, error: InviteError): Promise<void> {
    const id = idOf(join);
    if (error.code === "invite_unattested" && this.#schedule.postpone(id, "doubt")) return;
    this.#report(error);
    // A tampered request is not answered: the answer would reach the attacker, and another member may receive the joiner's own request.
    if (error.code === "key_package_swapped") this.#ignore(id);
    else await this.#approver.reject(join, error.message);
  }

  #remember({ inviteId }: PendingJoin, inviter: Uint8Array): void {
    if (this.#inviters.size >= MAX_REMEMBERED) this.#inviters.clear();
    this.#inviters.set(keyText(inviteId), inviter);
  }

  #ignore(id: string): void {
    if (this.#ignored.size >= MAX_REMEMBERED) this.#ignored.clear();
    this.#ignored.add(id);
  }

  /** The member keys, starting with the known inviter, which saves most of the signature checks. */
  #inviterFirst({ inviteId }: PendingJoin, memberKeys: readonly Uint8Array[]): readonly Uint8Array[] {
    const inviter = this.#inviters.get(keyText(inviteId));
    if (inviter === undefined || !memberKeys.some((key) => isEqual(key, inviter))) return memberKeys;
    return [inviter, ...memberKeys];
  }

  /** Reports an error unless it is retryable. Returns whether it was reported. */
  #report(error: unknown): boolean {
    if (error instanceof ParleyError && error.retryable) return false;
    this.#options.onError(error instanceof Error ? error : ParleyError.from(error));
    return true;
  }
}

function idOf({ requestId }: PendingJoin): string {
  return keyText(requestId);
}

function keyText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
