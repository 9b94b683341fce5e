import { setTimeout as delay } from "node:timers/promises";
import { backoffMs, Mutex } from "@parley/core/internal";
import type { StagedCommit, StageOptions } from "@parley/mls-engine";
import { EpochTakenError } from "@parley/skytale-relay";
import type { ChannelContext } from "./channel-context.ts";
import { ChannelError } from "../errors.ts";
import { isEqual } from "./channel-member.ts";
import { publishKey } from "./publish-key.ts";

/** A commit of ours that is in effect. */
export interface AppliedCommit {
  readonly welcome: Uint8Array | undefined;
  /** Its place in the log. */
  readonly sequence: number;
}

/** Lost races after which a change is given up. */
const MAX_ATTEMPTS = 64;
const BACKOFF = { initialMs: 20, maxMs: 2000 };
/** Invalid commits, one on top of the other, that are pushed aside for one of ours. */
const MAX_SUPERSEDED = 64;

/**
 * Changes of a channel's group, one at a time. Each is staged, published for its epoch, and in effect once it is read back from the log
 * before every other valid commit of that epoch; else it is staged anew on what was first.
 */
export class GroupChanges {
  readonly #context: ChannelContext;
  readonly #mutex = new Mutex();
  /** The last commit of ours that was applied. */
  #applied: { readonly commit: Uint8Array; readonly sequence: number } | undefined;
  /** A commit in the log that may be an own one, of which this state doesn't know. */
  #doubtful: number | undefined;

  constructor(context: ChannelContext) {
    this.#context = context;
  }

  /** The log holds a commit of ours, and it was the first: called before the position moves on. */
  applied(commit: Uint8Array, sequence: number): void {
    this.#applied = { commit, sequence };
  }

  /** The log holds a commit that says it is an own one, and isn't known here: called before the position moves on. */
  doubt(sequence: number): void {
    this.#doubtful = sequence;
  }

  /**
   * Changes the group.
   *
   * @param request what the commit shall do, asked for anew in each epoch; `undefined` when nothing is left to do.
   * @throws ChannelError `contended`, `inbox_full`, `fork`; errors of engine and relay; the signal's reason: it may be in effect all the
   *   same, now or later.
   */
  change(request: () => StageOptions | undefined, signal?: AbortSignal): Promise<AppliedCommit | undefined> {
    const { closed } = this.#context;
    const until = signal === undefined ? closed : AbortSignal.any([signal, closed]);
    return this.#mutex.run(() => this.#change(request, until));
  }

  /** Changes the group if nobody else does at the same time. False if somebody does. @throws as {@link GroupChanges.change} */
  tryOnce(request: () => StageOptions | undefined): Promise<boolean> {
    return this.#mutex.run(async () => (await this.#attempt(request, this.#context.closed)) !== "lost");
  }

  /** Brings to an end what an earlier process, or an impatient caller, has left. */
  async finishPending(): Promise<void> {
    await this.change(() => undefined);
  }

  async #change(request: () => StageOptions | undefined, signal: AbortSignal): Promise<AppliedCommit | undefined> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const outcome = await this.#attempt(request, signal);
      if (outcome !== "lost") return outcome;
      await delay(backoffMs(attempt, BACKOFF), undefined, { signal });
    }
    throw new ChannelError("contended", "other members' changes of the group were always first");
  }

  async #attempt(request: () => StageOptions | undefined, signal: AbortSignal): Promise<AppliedCommit | "lost" | undefined> {
    const { group, position } = this.#context;
    await position.whenCaughtUp(signal);
    const left = group.pending;
    if (left !== undefined) await this.#decide(left, signal);
    const options = request();
    if (options === undefined) return undefined;
    const staged = await group.stage(options);
    const sequence = await this.#decide(staged, signal);
    return sequence === undefined ? "lost" : { welcome: staged.welcome, sequence };
  }

  /** Publishes a commit until the log has decided: its sequence when it is in effect, `undefined` when another one is. */
  async #decide(staged: StagedCommit, signal: AbortSignal): Promise<number | undefined> {
    const { group, position } = this.#context;
    let supersedes: number | undefined;
    for (let count = 0; count <= MAX_SUPERSEDED; count++) {
      const recorded = await this.#publish(staged, supersedes, signal);
      await position.whenApplied(recorded.sequence, signal);
      const won = this.#applied;
      if (won !== undefined && isEqual(won.commit, staged.commit)) return won.sequence;
      if (group.epoch !== staged.epoch) return undefined;
      // All of the log up to there is applied, and our epoch goes on: what is on record for it is invalid.
      if (recorded.isOurs)
        throw new ChannelError("fork", `the relay has acknowledged a commit as entry ${recorded.sequence}, and shows another there`);
      if (recorded.sequence === this.#doubtful) throw unknownCommit(recorded.sequence);
      supersedes = recorded.sequence;
    }
    throw new ChannelError("contended", "the channel is flooded with invalid commits");
  }

  async #publish(
    staged: StagedCommit,
    supersedes: number | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly sequence: number; readonly isOurs: boolean }> {
    const { relay, name } = this.#context;
    const message = { kind: "commit", epoch: staged.epoch, payload: staged.commit, key: publishKey(staged.commit) } as const;
    try {
      const { sequence } = await relay.publish(name, supersedes === undefined ? message : { ...message, supersedes }, { signal });
      return { sequence, isOurs: true };
    } catch (error) {
      if (error instanceof EpochTakenError) return { sequence: error.winner, isOurs: false };
      throw error;
    }
  }
}

/** Why a commit in the log is neither applied nor pushed aside: that would lead away from the other members, if they have applied it. */
export function unknownCommit(sequence: number): ChannelError {
  const cause = `entry ${sequence} of the log is a change by this agent that its data directory doesn't know, or a member has forged it`;
  const advice = "after a restored backup have a member remove this agent, and join again; else wait for another member's change";
  return new ChannelError("rolled_back", `${cause}: ${advice}`);
}
