/** Calls back after a period of silence. `heard` reads a clock; it sets no timer. */
export class Watchdog {
  readonly #silenceMs: number;
  readonly #onSilence: () => void;
  #heardAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(silenceMs: number, onSilence: () => void) {
    this.#silenceMs = silenceMs;
    this.#onSilence = onSilence;
  }

  start(): void {
    this.stop();
    this.heard();
    this.#wait(this.#silenceMs);
  }

  heard(): void {
    this.#heardAt = performance.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    // The watched socket keeps the process running; this timer need not.
    this.#timer = setTimeout(() => this.#check(), ms).unref();
  }

  #check(): void {
    const rest = this.#heardAt + this.#silenceMs - performance.now();
    if (rest >= 1) this.#wait(Math.ceil(rest));
    else this.#onSilence();
  }
}
