import { sleep } from "@parley/core/internal";
import type { GroupChannel } from "../channel/group-channel.ts";
import { ChannelError } from "../errors.ts";
import type { GrantDifference } from "../client-events.ts";

/** What {@link GrantComparison} is made with. */
export interface GrantComparisonsOptions {
  /** @throws ChannelError `not_found` when the channel is another account's */
  readonly compare: (channel: GroupChannel) => Promise<GrantDifference>;
  /** Called with a difference that was not there at the comparison before. */
  readonly report: (channel: GroupChannel, difference: GrantDifference) => void;
}

interface State {
  isRunning: boolean;
  isDue: boolean;
  /** The accounts that were reported last. */
  reported: string;
}

/** Between two comparisons of one channel, in milliseconds. A grant may be seen before the commit that adds its member. */
const PAUSE_MS = 1000;

/**
 * Compares members and grants of channels when members change: one comparison of a channel at a time, however many commits arrive, and none
 * for channels of other accounts. A difference is reported once it is there in two comparisons.
 */
export class GrantComparison {
  readonly #options: GrantComparisonsOptions;
  readonly #states = new WeakMap<GroupChannel, State>();
  readonly #stop = new AbortController();

  constructor(options: GrantComparisonsOptions) {
    this.#options = options;
  }

  /** Members or grants of a channel may have changed. */
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
      // A channel of another account is not asked about again; anything else is tried again at the next change.
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
