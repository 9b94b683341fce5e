import type { ParleyError } from "@parley/core";
import { inspectMessage } from "@parley/mls-engine";
import type { ChannelContext } from "./channel-context.ts";
import { ChannelError } from "../errors.ts";
import { toPublicError } from "../error-mapping.ts";
import type { GroupChanges } from "./group-changes.ts";
import { publishKey } from "./publish-key.ts";
import { LEAVING_ROW, UPDATE_ROW } from "./rows.ts";

/** Members commit proposals in leaf order: the first immediately, each further one after this many milliseconds more, up to a limit. */
const TURN_MS = 150;
const MAX_TURNS = 20;
const JITTER_MS = 30;
/**
 * New members update their keys after a random delay of up to this many milliseconds for each pair of members, up to a limit. Each update
 * is a commit that all members process, and a member that loses the race for an epoch waits again. The delay therefore grows with the
 * group.
 */
const UPDATE_SPREAD_MS = 10;
const MAX_UPDATE_SPREAD_MS = 300_000;
/** Mean pause before a failed task is retried, in milliseconds. */
const RETRY_MS = 5000;

type Task = "pending" | "leave" | "commit" | "update" | "replace";

/** A recorded request to leave, valid in its epoch. */
interface LeaveRequest {
  readonly epoch: bigint;
  readonly sequence: number;
}

interface Scheduled {
  timer: NodeJS.Timeout;
  isRunning: boolean;
  /** Whether the task was scheduled again while it runs. */
  again: boolean;
}

/**
 * Background tasks of a channel: completes interrupted commits, commits the proposals of others, repeats this agent's request to leave, and
 * updates the keys of a new member. At most one task of a kind is scheduled or running.
 */
export class GroupMaintenance {
  readonly #context: ChannelContext;
  readonly #changes: GroupChanges;
  readonly #tasks = new Map<Task, Scheduled>();
  #isLeaving: boolean;

  constructor(context: ChannelContext, membership: GroupChanges) {
    this.#context = context;
    this.#changes = membership;
    this.#isLeaving = context.group.row(LEAVING_ROW) !== undefined;
    if (context.group.needsUpdate) {
      const cause = `the data of ${context.name} has lost its end, such as in a power failure, or is an older copy`;
      context.warn(`${cause}: the keys of this agent are replaced before it sends. Messages may be delivered again.`);
    }
  }

  /** Whether this agent has asked to leave. Stays true after its removal. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** Proposes the own removal, in this epoch and in later ones, until a member commits the removal. */
  async leave(signal?: AbortSignal): Promise<void> {
    const { group } = this.#context;
    if (!this.#isLeaving) await group.writeRows([{ key: LEAVING_ROW, value: new Uint8Array() }]);
    this.#isLeaving = true;
    // A commit of this agent after the request would end the request's epoch.
    this.#cancel("update");
    while (await this.#isVoid(await this.proposeLeave(signal), signal));
  }

  /** Whether a commit ended the epoch before the request to leave was recorded, so that the request must be repeated. */
  async #isVoid({ epoch, sequence }: LeaveRequest, signal: AbortSignal | undefined): Promise<boolean> {
    const { group, position } = this.#context;
    try {
      await position.whenApplied(sequence, signal);
    } catch {
      // The request is recorded. Whether it is void shows when the log is read.
      return false;
    }
    return group.isActive && group.epoch > epoch;
  }

  /** The log is applied to its end. */
  caughtUp(): void {
    const { group } = this.#context;
    if (group.pending !== undefined) this.#later("pending", 0, () => this.#changes.finishPending());
    if (this.isLeaving) this.#later("leave", 0, () => this.proposeLeave());
    this.#updateLater();
    this.proposed();
    if (group.needsUpdate && !this.isLeaving) this.#later("replace", 0, () => this.replaceKeys());
  }

  /** Replaces the keys if an older copy of the data directory may have used some of them. */
  async replaceKeys(): Promise<void> {
    const { group } = this.#context;
    await this.#changes.change(() => (group.needsUpdate ? { update: true } : undefined));
  }

  /** A proposal may be pending. */
  proposed(): void {
    if (!this.#hasProposals() || !this.#context.position.isCaughtUp) return;
    this.#later("commit", this.#turnMs(), () => this.commitProposals());
  }

  /** A new epoch has begun: proposals of the last one are void. */
  committed(): void {
    this.#cancel("commit");
    if (this.isLeaving && this.#context.position.isCaughtUp) this.#later("leave", 0, () => this.proposeLeave());
  }

  /** @throws ChannelError `leaving` if the only proposal is the removal of this agent, which only others can commit */
  async commitProposals(): Promise<void> {
    if (this.isLeaving && !this.#hasProposals()) throw new ChannelError("leaving", "this agent has asked to leave the channel");
    await this.#changes.change(() => (this.#hasProposals() ? {} : undefined));
  }

  /** Publishes the request to leave for this epoch. Idempotent within the epoch. */
  async proposeLeave(signal?: AbortSignal): Promise<LeaveRequest> {
    const { group, relay, name, position, closed } = this.#context;
    const until = signal === undefined ? closed : AbortSignal.any([signal, closed]);
    await position.whenCaughtUp(until);
    const before = group.row(LEAVING_ROW);
    const isAsked = before !== undefined && before.length > 0 && inspectMessage(before).epoch === group.epoch;
    const payload = isAsked ? before : await group.leave();
    if (!isAsked) await group.writeRows([{ key: LEAVING_ROW, value: payload }]);
    const { epoch = group.epoch } = inspectMessage(payload);
    const { sequence } = await relay.publish(name, { kind: "proposal", epoch, payload, key: publishKey(payload) }, { signal: until });
    return { epoch, sequence };
  }

  close(): void {
    for (const task of this.#tasks.keys()) this.#cancel(task);
  }

  #updateLater(): void {
    const { group, closed } = this.#context;
    if (closed.aborted || this.isLeaving || group.row(UPDATE_ROW) === undefined) return;
    const spread = Math.min(UPDATE_SPREAD_MS * group.members.length ** 2, MAX_UPDATE_SPREAD_MS);
    this.#later("update", Math.random() * spread, async () => {
      const won = await this.#changes.tryOnce(() => (this.isLeaving ? undefined : { update: true }));
      if (won) await group.writeRows([{ key: UPDATE_ROW, value: undefined }]);
      else setImmediate(() => this.#updateLater());
    });
  }

  /** Whether a proposal is pending that this agent can commit. */
  #hasProposals(): boolean {
    return this.#context.group.proposals.some((proposal) => !this.#isOwnLeave(proposal));
  }

  #isOwnLeave({ kind, member }: { readonly kind: string; readonly member: { readonly leaf: number } | undefined }): boolean {
    return kind === "remove" && member?.leaf === this.#context.group.ownLeaf;
  }

  #turnMs(): number {
    const { group } = this.#context;
    const leaving = new Set(group.proposals.map(({ kind, member }) => (kind === "remove" ? member?.leaf : undefined)));
    const turn = group.members.filter(({ leaf }) => leaf < group.ownLeaf && !leaving.has(leaf)).length;
    return Math.min(turn, MAX_TURNS) * TURN_MS + Math.random() * JITTER_MS;
  }

  #later(task: Task, delayMs: number, run: () => Promise<unknown>): void {
    if (this.#context.closed.aborted) return;
    const before = this.#tasks.get(task);
    if (before !== undefined) {
      before.again = before.isRunning;
      return;
    }
    const scheduled: Scheduled = { timer: setTimeout(() => void this.#run(task, scheduled, run), delayMs), isRunning: false, again: false };
    this.#tasks.set(task, scheduled);
  }

  async #run(task: Task, scheduled: Scheduled, run: () => Promise<unknown>): Promise<void> {
    scheduled.isRunning = true;
    let failure: { readonly error: unknown } | undefined;
    try {
      await run();
    } catch (error) {
      failure = { error };
    }
    if (this.#tasks.get(task) === scheduled) this.#tasks.delete(task);
    if (failure !== undefined) this.#failed(task, run, failure.error);
    else if (scheduled.again) this.#later(task, 0, run);
  }

  #failed(task: Task, run: () => Promise<unknown>, error: unknown): void {
    const { closed, position, events, name, group } = this.#context;
    if (closed.aborted || position.ended !== undefined || !group.isActive) return;
    const failure = toPublicError(error);
    if (isRetryable(failure)) this.#later(task, RETRY_MS * (0.5 + Math.random()), run);
    else if (!(failure instanceof ChannelError && failure.code === "leaving")) events.onError?.(name, failure);
  }

  #cancel(task: Task): void {
    clearTimeout(this.#tasks.get(task)?.timer);
    this.#tasks.delete(task);
  }
}

function isRetryable(error: Error): boolean {
  return "retryable" in error && (error as ParleyError).retryable;
}
