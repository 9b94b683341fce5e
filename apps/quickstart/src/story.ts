/** Tells what happens, one line per step, and counts which steps held. */
export class Story {
  #held = 0;
  #told = 0;

  chapter(title: string): void {
    console.log(`\n${title}`);
  }

  /**
   * Runs one step. It returns what a newcomer should know of its outcome, and throws when it did not go as the title says; the
   * story then goes on, so that one fault does not hide the next.
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

  /** Closes the story. @returns whether every step held. */
  end(): boolean {
    const good = this.#told > 0 && this.#held === this.#told;
    console.log(`\n${this.#held} of ${this.#told} steps held.${good ? "" : " Something is broken: see ✗ above."}`);
    return good;
  }
}

/** Says so when a step did not lead where it should. */
export function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

/** The error that a promise is expected to end with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("This should have failed, and did not");
}
