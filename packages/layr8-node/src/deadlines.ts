const BUCKET_MS = 1000;

/** Entries grouped by the second in which they expire. Finding those that are due takes no time for the others. */
export class Deadlines<E extends { readonly expiresAt: number }> {
  readonly #buckets = new Map<number, Set<E>>();
  #last: number;

  constructor(now: number) {
    this.#last = bucketOf(now) - 1;
  }

  add(entry: E): void {
    const bucket = this.#bucketFor(entry);
    const entries = this.#buckets.get(bucket);
    if (entries === undefined) this.#buckets.set(bucket, new Set([entry]));
    else entries.add(entry);
  }

  delete(entry: E): void {
    const bucket = bucketOf(entry.expiresAt);
    for (const key of [bucket, this.#last + 1]) {
      const entries = this.#buckets.get(key);
      if (entries?.delete(entry) === true && entries.size === 0) this.#buckets.delete(key);
    }
  }

  /**
   * Removes and yields the entries whose second has passed. An entry that is deleted during the iteration may still be yielded. Entries
   * that the caller doesn't reach are due again a second later.
   */
  *due(now: number): Generator<E, void, undefined> {
    const taken = this.#take(now);
    try {
      for (const entries of taken) {
        for (const entry of entries) {
          entries.delete(entry);
          yield entry;
        }
      }
    } finally {
      for (const entries of taken) for (const entry of entries) this.add(entry);
    }
  }

  #take(now: number): Set<E>[] {
    const current = bucketOf(now) - 1;
    const found: Set<E>[] = [];
    const take = (bucket: number): void => {
      const entries = this.#buckets.get(bucket);
      if (entries === undefined) return;
      found.push(entries);
      this.#buckets.delete(bucket);
    };
    if (current - this.#last > this.#buckets.size) {
      for (const bucket of this.#buckets.keys()) if (bucket <= current) take(bucket);
    } else {
      for (let bucket = this.#last + 1; bucket <= current; bucket++) take(bucket);
    }
    this.#last = Math.max(this.#last, current);
    return found;
  }

  /** An entry that is due already is added to the next bucket to be read. */
  #bucketFor({ expiresAt }: E): number {
    return Math.max(bucketOf(expiresAt), this.#last + 1);
  }
}

function bucketOf(time: number): number {
  return Math.floor(time / BUCKET_MS);
}
