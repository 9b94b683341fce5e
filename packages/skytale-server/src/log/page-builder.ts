import type { EvictedRun, Head, LogPage, ReadOptions } from "./channel-log.ts";

/** Collects the entries of a page, up to the limits of the read. */
export class PageBuilder {
  /** Sequence of the next entry. */
  next: number;
  readonly #options: ReadOptions;
  readonly #entries: (Uint8Array | { evicted: number })[] = [];
  #bytes = 0;
  #run: { evicted: number } | undefined;

  constructor(options: ReadOptions) {
    this.#options = options;
    this.next = options.from;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  get isFull(): boolean {
    return this.#entries.length >= this.#options.limit || this.#bytes >= this.#options.maxBytes;
  }

  /** Adds the next entry. Returns false if the page has no room for it; the first one always fits. */
  add(body: Uint8Array): boolean {
    if (this.#entries.length >= this.#options.limit || (this.#bytes + body.length > this.#options.maxBytes && !this.isEmpty)) return false;
    this.#bytes += body.length;
    this.#entries.push(body);
    this.#run = undefined;
    this.next++;
    return true;
  }

  /** Adds evicted entries up to a sequence. Returns false if the page has no room for them. */
  addEvicted(last: number): boolean {
    const evicted = last - this.next + 1;
    if (this.#run === undefined) {
      if (this.isFull && !this.isEmpty) return false;
      this.#run = { evicted: 0 } satisfies EvictedRun;
      this.#entries.push(this.#run);
    }
    this.#run.evicted += evicted;
    this.next = last + 1;
    return true;
  }

  finish(head: Head): LogPage {
    return { first: this.#options.from, entries: this.#entries, head };
  }
}
