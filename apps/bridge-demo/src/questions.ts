/** Which questions are answered, and which wait. An answer may be here before its question is known to be asked. */
export class Questions {
  readonly #tell: (answer: string) => void;
  readonly #waiting = new Set<string>();
  readonly #early = new Map<string, string>();
  #areAllAsked = false;

  constructor(tell: (answer: string) => void) {
    this.#tell = tell;
  }

  asked(id: string): void {
    const answer = this.#early.get(id);
    if (answer === undefined) this.#waiting.add(id);
    else this.#tell(answer);
    this.#early.delete(id);
  }

  /** An answer to a question that is not ours, or was answered before, is of no interest. */
  answered(id: string, answer: string): void {
    if (this.#waiting.delete(id)) this.#tell(answer);
    else if (!this.#areAllAsked) this.#early.set(id, answer);
  }

  allAsked(): void {
    this.#areAllAsked = true;
    this.#early.clear();
  }

  get areDone(): boolean {
    return this.#areAllAsked && this.#waiting.size === 0;
  }
}
