/** The mark that a removed key has left in its stream. */
interface Mark {
  readonly revision: number;
  /** When it was written, or became known here, in milliseconds since 1970. */
  readonly at: number;
}

/** The removed keys of a table whose marks are still in its stream, in the order of their removal. */
export class RemovedKeys {
  readonly #marks = new Map<string, Mark>();

  has(key: string): boolean {
    return this.#marks.has(key);
  }

  add(key: string, mark: Mark): void {
    this.#marks.delete(key);
    this.#marks.set(key, mark);
  }

  delete(key: string): void {
    this.#marks.delete(key);
  }

  /** The first keys whose marks were written before a time, and have a revision before another. */
  before(at: number, revision: number, max: number): readonly { readonly key: string; readonly revision: number }[] {
    const found: { key: string; revision: number }[] = [];
    for (const [key, mark] of this.#marks) {
      if (found.length === max || mark.at >= at) break;
      if (mark.revision < revision) found.push({ key, revision: mark.revision });
    }
    return found;
  }
}
