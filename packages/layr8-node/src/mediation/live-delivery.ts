/** Most agents with live delivery. */
const MAX_AGENTS = 100_000;

/** The state of one DID in live mode. */
interface LiveDid {
  /** Sequence number of the last envelope that was sent. */
  last: number;
  isSending: boolean;
  /** Whether an envelope was queued since the last read began, which may have missed it. */
  isStale: boolean;
}

/** Options of {@link LiveDelivery}. */
export interface LiveDeliveryOptions {
  /**
   * Sends an agent the envelopes of a DID behind a sequence number that fit into one message, and resolves with the last one's; with
   * `undefined` without any.
   */
  readonly send: (agent: string, did: string, after: number) => Promise<number | undefined>;
  /** Whether an agent may get a delivery now. */
  readonly isReachable: (agent: string) => boolean;
  /** Live delivery has ended, because its agent is not reachable. */
  readonly onUnreachable: (agent: string) => void;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Agents that get envelopes at once. It ends with the agent's connection, and with the node: what is not sent waits in the queue, where everything stays until
 * it is acknowledged.
 */
export class LiveDelivery {
  readonly #options: LiveDeliveryOptions;
  readonly #agents = new Map<string, Map<string, LiveDid>>();

  constructor(options: LiveDeliveryOptions) {
    this.#options = options;
  }

  /** Number of agents. */
  get size(): number {
    return this.#agents.size;
  }

  has(agent: string): boolean {
    return this.#agents.has(agent);
  }

  /** @returns `false` if too many agents have live delivery. */
  start(agent: string): boolean {
    if (!this.#agents.has(agent) && this.#agents.size >= MAX_AGENTS) return false;
    this.#agents.set(agent, new Map());
    return true;
  }

  stop(agent: string): void {
    this.#agents.delete(agent);
  }

  /** Agents with live delivery. */
  agents(): readonly string[] {
    return [...this.#agents.keys()];
  }

  /** An envelope for a DID was queued. Resolves when it is sent, or another call sends it. */
  async queued(agent: string, did: string): Promise<void> {
    const live = this.#agents.get(agent);
    if (live === undefined) return;
    const state = live.get(did) ?? { last: 0, isSending: false, isStale: false };
    live.set(did, state);
    state.isStale = true;
    if (state.isSending) return;
    state.isSending = true;
    await this.#sendAll(agent, did, state);
  }

  async #sendAll(agent: string, did: string, state: LiveDid): Promise<void> {
    const { send, isReachable, onUnreachable, onFailure } = this.#options;
    try {
      while (state.isStale) {
        if (!isReachable(agent)) {
          this.stop(agent);
          return onUnreachable(agent);
        }
        state.isStale = false;
        // oxlint-disable-next-line no-await-in-loop
        const last = await send(agent, did, state.last);
        if (this.#agents.get(agent)?.get(did) !== state) return;
        if (last === undefined) continue;
        state.last = last;
        state.isStale = true;
      }
    } catch (error) {
      onFailure(error);
    } finally {
      // Without a step in between, so that no queued envelope is missed.
      state.isSending = false;
    }
  }
}
