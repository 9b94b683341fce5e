/** Messages of one window. With three events each, a journal of 20,000 events reaches back for more than six seconds. */
const MAX_MESSAGES = 100;
const WINDOW_MS = 100;

/**
 * Limits how many messages per second are recorded one by one. Above the limit, an event for each message would cost a busy node a tenth of
 * its time and push everything else out of the journal within a fraction of a second.
 */
export class MessageBudget {
  #since = 0;
  #taken = 0;
  #omitted = 0;
  #hasOmitted = false;

  /** Whether a message was ever above the limit. */
  get hasOmitted(): boolean {
    return this.#hasOmitted;
  }

  /** Whether a message is within the limit. @param now milliseconds, ascending. */
  take(now: number): boolean {
    if (now - this.#since >= WINDOW_MS) {
      this.#since = now;
      this.#taken = 0;
    }
    if (this.#taken < MAX_MESSAGES) {
      this.#taken += 1;
      return true;
    }
    this.#omitted += 1;
    this.#hasOmitted = true;
    return false;
  }

  /** The number of messages above the limit since the last call. */
  takeOmitted(): number {
    const omitted = this.#omitted;
    this.#omitted = 0;
    return omitted;
  }
}
