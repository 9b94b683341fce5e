import { sleep } from "@parley/core/internal";
import type { GroupChannel } from "../channel/group-channel.ts";
import { ChannelError } from "../errors.ts";
import type { GrantDifference } from "../client-events.ts";

/** Constructor parameters of {@link GrantComparison}. */
export interface GrantComparisonOptions {
  /** @throws ChannelError `not_found` if another account owns the channel */
  readonly compare: (channel: GroupChannel) => Promise<GrantDifference>;
  /** Called with a difference that was not reported before. */
  readonly report: (channel: GroupChannel, difference: GrantDifference) => void;
}

interface State {
  isRunning: boolean;
  isDue: boolean;
  /** The accounts that were reported last. */
  reported: string;
}

/** Pause between two comparisons of a channel, in milliseconds. A grant is created before the commit that adds its member is read. */
const PAUSE_MS = 1000;

/**
 * Compares the members and grants of channels when members change. At most one comparison of a channel runs at a time, and channels of other
 * accounts are not compared again. A difference is reported if two successive comparisons find it.
 */
export class GrantComparison {
  readonly #options: GrantComparisonOptions;
  readonly #states = new WeakMap<GroupChannel, State>();
  readonly #stop = new AbortController();

  constructor(options: GrantComparisonOptions) {
    this.#options = options;
  }

  /** Schedules a comparison: members or grants of the channel may have changed. */
  soon(channel: GroupChannel): void {
    const state = this.#states.get(channel) ?? { isRunning: false, isDue: false, reported: "" };
    this.#states.set(channel, state);
    state.isDue = true;
    if (!state.isRunning) void this.#run(channel, state);
  }

  close(): void {
    this.#stop.abort();
  }

  async #run(channel: GroupChannel, state: State): Promise<void> {
    state.isRunning = true;
    try {
      while (state.isDue && !this.#stop.signal.aborted) {
        state.isDue = false;
        await this.#compare(channel, state);
        if (state.isDue) await sleep(PAUSE_MS, this.#stop.signal);
      }
      state.isRunning = false;
    } catch (error) {
      // Another account owns the channel: it stays marked as running, and is not compared again. Other failures are retried at the next change.
      if (!(error instanceof ChannelError) || error.code !== "not_found") state.isRunning = false;
    }
  }

  async #compare(channel: GroupChannel, state: State): Promise<void> {
    const first = await this.#options.compare(channel);
    if (first.accountsWithoutMember.length === 0) {
      state.reported = "";
      return;
    }
    await sleep(PAUSE_MS, this.#stop.signal);
    if (this.#stop.signal.aborted) return;
    const second = await this.#options.compare(channel);
    const accounts = second.accountsWithoutMember.filter((account) => first.accountsWithoutMember.includes(account));
    const found = accounts.join(" ");
    if (found !== "" && found !== state.reported) this.#options.report(channel, { accountsWithoutMember: accounts });
    state.reported = found;
  }
}
