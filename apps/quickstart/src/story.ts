/** Prints one line per step, and counts the successful ones. */
export class Story {
  #held = 0;
  #told = 0;

  chapter(title: string): void {
    console.log(`\n${title}`);
  }

  /**
   * Runs one step. It returns a description of the outcome, and throws if the outcome differs from the title. The following steps run
   * anyway, so that one failure does not hide another.
   */
  async step(title: string, run: () => Promise<string>): Promise<void> {
    this.#told += 1;
    try {
      const outcome = await run();
      this.#held += 1;
      console.log(`  ✓ ${title}\n      ${outcome}`);
    } catch (error) {
      console.log(`  ✗ ${title}\n      ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }

  /** Prints the summary. @returns whether every step succeeded. */
  end(): boolean {
    const good = this.#told > 0 && this.#held === this.#told;
    console.log(`\n${this.#held} of ${this.#told} steps held.${good ? "" : " Something is broken: see ✗ above."}`);
    return good;
  }
}

/** Throws if a condition does not hold. */
export function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

/** The error that a promise is expected to reject with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("This should have failed");
}
