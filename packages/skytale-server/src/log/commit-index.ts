/** Epochs per channel whose winning commit is stored. Commits for older epochs are appended, and members ignore them. */
const REMEMBERED_EPOCHS = 128;
/** The last epoch that the protocol can name. */
const LAST_EPOCH = 2n ** 64n - 1n;

/**
 * The recorded commit of each of the last epochs of a channel. It serves early rejection only, so a false claim does no harm: a publisher
 * that names the false commit replaces it, and an epoch that is no longer indexed accepts a commit again.
 */
export class CommitIndex {
  /** In the order of their recording. */
  readonly #sequences: Map<bigint, number>;
  #last: bigint | undefined;

  /** @param entries in the order of their recording. */
  constructor(entries: Iterable<readonly [bigint, number]> = []) {
    this.#sequences = new Map(entries);
    for (const epoch of this.#sequences.keys()) this.#last = epoch;
  }

  /** The epoch that the commit recorded last leads to. */
  get logEpoch(): bigint | undefined {
    if (this.#last === undefined) return undefined;
    return this.#last < LAST_EPOCH ? this.#last + 1n : LAST_EPOCH;
  }

  winner(epoch: bigint): number | undefined {
    return this.#sequences.get(epoch);
  }

  /** First epoch, from the given one on, without a recorded commit; the last possible epoch if all are taken. */
  nextFree(epoch: bigint): bigint {
    let free = epoch;
    while (free < LAST_EPOCH && this.#sequences.has(free)) free++;
    return free;
  }

  /** Records a commit. Returns the epoch that is dropped to make room for it, if any. */
  record(epoch: bigint, sequence: number): bigint | undefined {
    this.#sequences.delete(epoch);
    this.#sequences.set(epoch, sequence);
    this.#last = epoch;
    if (this.#sequences.size <= REMEMBERED_EPOCHS) return undefined;
    const [oldest] = this.#sequences.keys();
    if (oldest !== undefined) this.#sequences.delete(oldest);
    return oldest;
  }

  /** In the order of their recording. */
  entries(): Iterable<readonly [epoch: bigint, sequence: number]> {
    return this.#sequences;
  }

  copy(): CommitIndex {
    return new CommitIndex(this.#sequences);
  }
}
