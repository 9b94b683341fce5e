import { setImmediate, setTimeout as delay } from "node:timers/promises";
import { ParleyError } from "@parley/core";
import { backoffMs } from "@parley/core/internal";
import type { ApiClient } from "../api/api-client.ts";
import type { PendingJoin } from "../api/join-state.ts";
import { isEqual } from "../channel/channel-member.ts";
import { ChannelError } from "../errors.ts";
import { RetrySchedule, type RetryTimes } from "./retry-schedule.ts";
import { JoinApprover, type JoinableChannel } from "./join-approver.ts";
import type { PendingAdmissionStore } from "./pending-admission-store.ts";
import type { InviteError } from "./invite-error.ts";
import { decideJoin } from "./decide-join.ts";

/** What {@link JoinRequestWorker} is made with. */
export interface JoinRequestWorkerOptions {
  readonly door: JoinableChannel;
  readonly api: ApiClient;
  readonly intents: PendingAdmissionStore;
  /** Told of requests that aren't what they should be, and of failures that don't pass by themselves. Must not throw. */
  readonly onError: (error: Error) => void;
  readonly times?: RetryTimes | undefined;
}

/** Longest wait for the next request, in seconds. */
const WAIT_SECONDS = 25;
const SECOND = 1000;
/** Requests and invites that are remembered; more of them come from a server that lies only. */
const MAX_REMEMBERED = 10_000;
const BACKOFF = { initialMs: 500, maxMs: 15_000 };

/**
 * Lets in who asks to join a channel with an invite that a member made. Runs at each member that is online: who made the invite acts
 * first, the others when it doesn't. All who wait are let in with one commit.
 */
export class JoinRequestWorker {
  readonly #options: JoinRequestWorkerOptions;
  readonly #stop = new AbortController();
  readonly #deferrals: RetrySchedule;
  readonly #approver: JoinApprover;
  /** Requests that were tampered with, and reported. */
  readonly #ignored = new Set<string>();
  /** Who made which invite. */
  readonly #makers = new Map<string, Uint8Array>();
  readonly #running: Promise<void>;

  constructor(options: JoinRequestWorkerOptions) {
    const { door, api, intents, times } = options;
    this.#options = options;
    this.#deferrals = new RetrySchedule(times);
    this.#approver = new JoinApprover({
      door,
      api,
      intents,
      signal: this.#stop.signal,
      onFailure: (join, error) => {
        const isMember = error instanceof ChannelError && error.code === "already_member";
        this.#deferrals.put(idOf(join), isMember ? "welcome" : "turn");
        if (!isMember) this.#report(error);
      },
    });
    this.#running = this.#run();
  }

  /** Resolves once nobody is let in any more. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let after: string | undefined;
    let wasReported = false;
    for (let failures = 0; !signal.aborted && this.#options.door.isActive();) {
      try {
        const dueInMs = this.#deferrals.dueInMs();
        after = dueInMs === 0 ? await this.#scan() : await this.#await(after, dueInMs);
        failures = 0;
        wasReported = false;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        // What lasts is told once.
        if (!wasReported) wasReported = this.#report(error);
        await delay(backoffMs(failures, BACKOFF), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Waits for the next requests. */
  async #await(after: string | undefined, dueInMs = WAIT_SECONDS * SECOND): Promise<string | undefined> {
    const { api, door } = this.#options;
    const waitSeconds = Math.min(WAIT_SECONDS, Math.ceil(dueInMs / SECOND));
    const { joins, next } = await api.pending(door.name, { after, waitSeconds, signal: this.#stop.signal });
    await this.#decide(joins);
    return next ?? after;
  }

  /** Looks at all requests again, those too that were left for later. */
  async #scan(): Promise<string | undefined> {
    const { api, door } = this.#options;
    const found = new Set<string>();
    for (let after: string | undefined; ;) {
      const { joins, next } = await api.pending(door.name, { after, signal: this.#stop.signal });
      for (const join of joins) found.add(idOf(join));
      await this.#decide(joins);
      if (joins.length === 0 || next === undefined || next === after) {
        this.#deferrals.retain(found);
        return next ?? after;
      }
      after = next;
    }
  }

  async #decide(joins: readonly PendingJoin[]): Promise<void> {
    const { door } = this.#options;
    const memberKeys = door.memberKeys();
    const admitted: PendingJoin[] = [];
    for (const join of joins) {
      if (this.#ignored.has(idOf(join))) continue;
      // Where there are many members, each takes a while; others have their turn in between.
      await setImmediate();
      if (await this.#isAdmitted(join, memberKeys)) admitted.push(join);
    }
    await this.#approver.admit(admitted);
  }

  async #isAdmitted(join: PendingJoin, memberKeys: readonly Uint8Array[]): Promise<boolean> {
    const { door } = this.#options;
    const id = idOf(join);
    const verdict = decideJoin(join, { ownKey: door.ownKey, memberKeys: this.#likelyFirst(join, memberKeys), now: Date.now() });
    if (verdict.kind !== "wrong") this.#remember(join, verdict.inviter);
    if (verdict.kind === "admit") return isEqual(verdict.inviter, door.ownKey) || !this.#deferrals.defer(id, "turn");
    if (verdict.kind === "wrong") {
      await this.#turnDown(join, verdict.error);
      return false;
    }
    if (this.#deferrals.defer(id, "welcome")) return false;
    // Only who can't have the welcome: a server that shows an old request again must not have a member removed.
    if (!door.wasAddedRecently(verdict.key) && !(await this.#options.intents.has(join.requestId))) {
      this.#deferrals.put(id, "welcome");
      return false;
    }
    // Whoever added it has died before the joiner had its welcome, which nobody else has.
    await door.removeMember(verdict.key, this.#stop.signal);
    return true;
  }

  async #turnDown(join: PendingJoin, error: InviteError): Promise<void> {
    const id = idOf(join);
    if (error.code === "invite_unattested" && this.#deferrals.defer(id, "doubt")) return;
    this.#report(error);
    // Who changes requests would get the answer too; the joiner's own may reach another member.
    if (error.code === "key_package_swapped") this.#ignore(id);
    else await this.#approver.refuse(join, error.message);
  }

  #remember({ inviteId }: PendingJoin, maker: Uint8Array): void {
    if (this.#makers.size >= MAX_REMEMBERED) this.#makers.clear();
    this.#makers.set(keyText(inviteId), maker);
  }

  #ignore(id: string): void {
    if (this.#ignored.size >= MAX_REMEMBERED) this.#ignored.clear();
    this.#ignored.add(id);
  }

  /** The members, and first of them the one who made the last invite with this id: to find out is costly where there are many. */
  #likelyFirst({ inviteId }: PendingJoin, memberKeys: readonly Uint8Array[]): readonly Uint8Array[] {
    const maker = this.#makers.get(keyText(inviteId));
    if (maker === undefined || !memberKeys.some((key) => isEqual(key, maker))) return memberKeys;
    return [maker, ...memberKeys];
  }

  /** Reports what doesn't pass by itself. Says whether it did. */
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
