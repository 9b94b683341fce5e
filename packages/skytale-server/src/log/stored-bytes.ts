/** Bytes that each publisher has stored, by channel and over all channels. */
export class StoredBytes {
  readonly #byChannel = new Map<string, Map<string, number>>();
  readonly #byPublisher = new Map<string, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  of(publisher: string): number {
    return this.#byPublisher.get(publisher) ?? 0;
  }

  /** The publishers of a channel, with their bytes. */
  in(channel: string): ReadonlyMap<string, number> {
    return this.#byChannel.get(channel) ?? new Map<string, number>();
  }

  add(channel: string, publisher: string, change: number): void {
    const bytes = this.#byChannel.get(channel) ?? new Map<string, number>();
    this.#byChannel.set(channel, bytes);
    addTo(bytes, publisher, change);
    if (bytes.size === 0) this.#byChannel.delete(channel);
    addTo(this.#byPublisher, publisher, change);
    this.#total += change;
  }

  /** Replaces everything that is known of a channel. */
  set(channel: string, bytes: Iterable<readonly [string, number]>): void {
    for (const [publisher, count] of new Map(this.in(channel))) this.add(channel, publisher, -count);
    for (const [publisher, count] of bytes) this.add(channel, publisher, count);
  }
}

function addTo(counts: Map<string, number>, key: string, change: number): void {
  const sum = (counts.get(key) ?? 0) + change;
  if (sum > 0) counts.set(key, sum);
  else counts.delete(key);
}
