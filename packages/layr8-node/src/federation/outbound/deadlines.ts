const BUCKET_MS = 1000;

/** Entries by the second in which they expire: looking for those that are due costs nothing for the others. */
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
   * Takes out those whose second is over, as they are asked for. An entry that is deleted meanwhile may still be among them. What is not asked
   * for is found again a second later.
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

  /** What should be over already goes into the next bucket to be looked at. */
  #bucketFor({ expiresAt }: E): number {
    return Math.max(bucketOf(expiresAt), this.#last + 1);
  }
}

function bucketOf(time: number): number {
  return Math.floor(time / BUCKET_MS);
}
