const LONGEST_TIMER_MS = 2_147_483_647;

/** Things that wait, all for the same time, with one timer for all. What comes first is at its end first. */
export class Deadlines<T> {
  /** In the order of their ends. */
  readonly #waiting = new Map<string, { readonly item: T; readonly until: number }>();
  readonly #timeoutMs: number;
  readonly #onLate: (item: T, key: string) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number, onLate: (item: T, key: string) => void) {
    this.#timeoutMs = timeoutMs;
    this.#onLate = onLate;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** What waits already goes on waiting. */
  add(key: string, item: T): void {
    if (this.#waiting.has(key)) return;
    this.#waiting.set(key, { item, until: performance.now() + this.#timeoutMs });
    this.#watch();
  }

  get(key: string): T | undefined {
    return this.#waiting.get(key)?.item;
  }

  /** Takes one that need not wait any more. */
  take(key: string): T | undefined {
    const entry = this.#waiting.get(key);
    this.#waiting.delete(key);
    return entry?.item;
  }

  /** Takes all, in order. */
  clear(): readonly T[] {
    const items = [...this.#waiting.values()].map(({ item }) => item);
    this.#waiting.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return items;
  }

  #watch(): void {
    const [first] = this.#waiting.values();
    if (this.#timer !== undefined || first === undefined) return;
    this.#timer = setTimeout(() => this.#sweep(), Math.min(Math.max(first.until - performance.now(), 1), LONGEST_TIMER_MS));
    this.#timer.unref();
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [key, { item, until }] of this.#waiting) {
      if (until > now) break;
      this.#waiting.delete(key);
      this.#onLate(item, key);
    }
    this.#watch();
  }
}
