import type { ParleyError } from "@parley/core";
import { bootstrap, pickup, status, type MediatedClient } from "./mediation.ts";

/** Options of {@link LiveWatch}. */
export interface LiveWatchOptions {
  readonly client: MediatedClient;
  readonly mediator: string;
  /** Pause between checks, in milliseconds; each is shortened or lengthened at random by up to a quarter. */
  readonly intervalMs: number;
  readonly isConnected: () => boolean;
  /** A check has failed, and the one before had not. */
  readonly onFailure: (error: ParleyError) => void;
  /** Messages were picked up. `refused`: the number that the agent's node did not accept. */
  readonly onPickedUp: (refused: number) => void;
}

/**
 * Asks a mediator regularly whether live delivery is still on. A mediator that has restarted, or that was not reachable at the connect, does not have it on,
 * and the agent's own connection shows nothing of that.
 */
export class LiveWatch {
  readonly #options: LiveWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  /** Ends the check that runs: a newer connect, or the end of the client, makes it obsolete. */
  #generation = 0;
  #isComplete = false;
  #hasFailed = false;
  #isWaiting = false;

  constructor(options: LiveWatchOptions) {
    this.#options = options;
  }

  /** Called after each connect. @param isComplete whether its steps have succeeded; the next check repeats steps that failed. */
  begin(isComplete: boolean): void {
    this.stop();
    [this.#isComplete, this.#hasFailed, this.#isWaiting] = [isComplete, !isComplete, false];
    this.#schedule();
  }

  stop(): void {
    this.#generation += 1;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    const pause = this.#options.intervalMs * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => void this.#check(), pause);
    this.#timer.unref();
  }

  async #check(): Promise<void> {
    const { isConnected, onFailure } = this.#options;
    const generation = this.#generation;
    if (isConnected()) {
      const error = await this.#restore();
      if (generation !== this.#generation) return;
      if (error !== undefined && !this.#hasFailed && isConnected()) onFailure(error);
      this.#hasFailed = error !== undefined;
    }
    this.#schedule();
  }

  /** @returns what has failed. */
  async #restore(): Promise<ParleyError | undefined> {
    const { client, mediator, onPickedUp } = this.#options;
    let isLive = this.#isComplete;
    let isStuck = false;
    if (isLive) {
      const asked = await status(client, mediator);
      if (!asked.ok) return asked.error;
      isLive = asked.status["live_delivery"] !== false;
      // Messages that wait at one check may be on their way. At two in a row, the mediator does not send them.
      const isWaiting = Number(asked.status["message_count"]) > 0;
      isStuck = isWaiting && this.#isWaiting;
      this.#isWaiting = isWaiting;
    }
    if (isLive && !isStuck) return undefined;
    const result = isLive ? await pickup(client, mediator) : await bootstrap(client, mediator);
    if (!result.ok) return result.error;
    this.#isComplete = true;
    onPickedUp(result.refused);
    return undefined;
  }
}
