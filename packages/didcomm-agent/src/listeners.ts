import { describeKind } from "@parley/core/eager";

/** Functions to call when something happens. */
export class Listeners<Args extends readonly unknown[]> {
  readonly #listeners = new Set<{ readonly call: (...args: Args) => unknown }>();
  readonly #onThrow: (error: unknown) => void;

  /** @param onThrow receives the error of a listener that throws or rejects; the others are still called. */
  constructor(onThrow: (error: unknown) => void) {
    this.#onThrow = onThrow;
  }

  /** @returns a function that takes the listener off again. */
  add(call: (...args: Args) => unknown): () => void {
    if (typeof call !== "function") throw new TypeError(`A listener must be a function, not ${describeKind(call)}`);
    const listener = { call };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  emit(...args: Args): void {
    for (const { call } of this.#listeners) {
      try {
        Promise.resolve(call(...args)).catch(this.#onThrow);
      } catch (error) {
        this.#onThrow(error);
      }
    }
  }
}
