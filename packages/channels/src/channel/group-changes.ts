import { setTimeout as delay } from "node:timers/promises";
import { backoffMs, Mutex } from "@parley/core/internal";
import type { StagedCommit, StageOptions } from "@parley/mls-engine";
import { EpochTakenError } from "@parley/skytale-relay";
import type { ChannelContext } from "./channel-context.ts";
import { ChannelError } from "../errors.ts";
import { isEqual } from "./channel-member.ts";
import { publishKey } from "./publish-key.ts";

/** A commit of this agent that is in effect. */
export interface AppliedCommit {
  readonly welcome: Uint8Array | undefined;
  /** Sequence number in the log. */
  readonly sequence: number;
}

/** Number of lost races after which a change fails. */
const MAX_ATTEMPTS = 64;
const BACKOFF = { initialMs: 20, maxMs: 2000 };
/** Number of invalid commits of one epoch that are superseded before a change fails. */
const MAX_SUPERSEDED = 64;

/**
 * Changes a channel's group, one commit at a time.
 *
 * A commit is staged, and published for its epoch. The relay accepts one commit per epoch. The commit takes effect when this agent reads it
 * from the log before any other valid commit of that epoch. If another commit was first, the change is staged again in the next epoch.
 */
export class GroupChanges {
  readonly #context: ChannelContext;
  readonly #mutex = new Mutex();
  /** The last applied commit of this agent. */
  #applied: { readonly commit: Uint8Array; readonly sequence: number } | undefined;
  /** Sequence number of a commit that claims to be from this agent and is missing in its state. */
  #doubtful: number | undefined;

  constructor(context: ChannelContext) {
    this.#context = context;
  }

  /** A commit of this agent took effect. Called before the log position advances. */
  applied(commit: Uint8Array, sequence: number): void {
    this.#applied = { commit, sequence };
  }

  /** The log has a commit that claims to be from this agent and is missing in its state. Called before the log position advances. */
  doubt(sequence: number): void {
    this.#doubtful = sequence;
  }

  /**
   * Changes the group.
   *
   * @param request returns the content of the commit. Called once per attempt; `undefined` if no change is needed.
   * @throws ChannelError `contended`, `inbox_full`, `fork`
   * @throws MlsEngineError; RelayError; the signal's reason. The change may still take effect after an error.
   */
  change(request: () => StageOptions | undefined, signal?: AbortSignal): Promise<AppliedCommit | undefined> {
    const { closed } = this.#context;
    const until = signal === undefined ? closed : AbortSignal.any([signal, closed]);
    const { telemetry } = this.#context;
    return this.#mutex.run(() => {
      if (telemetry === undefined) return this.#change(request, until);
      return telemetry.commit((attempted) => this.#change(request, until, attempted));
    });
  }

  /** Makes one attempt to change the group. Returns false if another commit was first. @throws as {@link GroupChanges.change} */
  tryOnce(request: () => StageOptions | undefined): Promise<boolean> {
    return this.#mutex.run(async () => (await this.#attempt(request, this.#context.closed)) !== "lost");
  }

  /** Completes a commit that an earlier process, or a call that timed out, left staged. */
  async finishPending(): Promise<void> {
    await this.change(() => undefined);
  }

  async #change(
    request: () => StageOptions | undefined,
    signal: AbortSignal,
    attempted?: (attempts: number) => void,
  ): Promise<AppliedCommit | undefined> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      attempted?.(attempt);
      const outcome = await this.#attempt(request, signal);
      if (outcome !== "lost") return outcome;
      await delay(backoffMs(attempt, BACKOFF), undefined, { signal });
    }
    throw new ChannelError("contended", "commits of other members were first in each attempt");
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

  /** Publishes a commit until the log decides: returns its sequence number if it took effect, `undefined` if another commit did. */
  async #decide(staged: StagedCommit, signal: AbortSignal): Promise<number | undefined> {
    const { group, position } = this.#context;
    let supersedes: number | undefined;
    for (let count = 0; count <= MAX_SUPERSEDED; count++) {
      const recorded = await this.#publish(staged, supersedes, signal);
      await position.whenApplied(recorded.sequence, signal);
      const won = this.#applied;
      if (won !== undefined && isEqual(won.commit, staged.commit)) return won.sequence;
      if (group.epoch !== staged.epoch) return undefined;
      // The log is applied up to the recorded commit, and the epoch has not changed: the recorded commit is invalid.
      if (recorded.isOurs)
        throw new ChannelError("fork", `the relay acknowledged a commit as entry ${recorded.sequence}, but returns another entry there`);
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

/**
 * The error for a commit that claims to be from this agent and is missing in its state. It is neither applied nor superseded: if the other
 * members have applied it, superseding it would fork the group.
 */
export function unknownCommit(sequence: number): ChannelError {
  const cause = `entry ${sequence} of the log is a commit of this agent that is missing in its data directory, or that a member has forged`;
  const advice = "after restoring a backup, have a member remove this agent, and join again; otherwise wait for a commit of another member";
  return new ChannelError("rolled_back", `${cause}: ${advice}`);
}
