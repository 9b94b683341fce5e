import type { DeadLetter, DeadLetterLimits } from "./dead-letter.ts";
import type { DeadLetterPage } from "./dead-letter-store.ts";

/** Number and characters of the dead letters of an agent. */
interface Held {
  readonly ids: Set<number>;
  length: number;
}

/** All dead letters in memory, without their plaintexts. */
export class DeadLetterIndex {
  readonly #limits: DeadLetterLimits;
  /** Oldest first, nearly: several nodes may add at the same time. */
  readonly #all = new Map<number, DeadLetter>();
  readonly #byAgent = new Map<string, Held>();
  #length = 0;

  constructor(limits: DeadLetterLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#all.size;
  }

  count(did: string): number {
    return this.#byAgent.get(did)?.ids.size ?? 0;
  }

  has(id: number): boolean {
    return this.#all.has(id);
  }

  get(id: number): DeadLetter | undefined {
    return this.#all.get(id);
  }

  idsOf(did: string): readonly number[] {
    return [...(this.#byAgent.get(did)?.ids ?? [])];
  }

  list({ did, before = Number.POSITIVE_INFINITY, limit }: DeadLetterPage): readonly DeadLetter[] {
    const ids = did === undefined ? [...this.#all.keys()] : this.idsOf(did);
    return ids
      .filter((id) => id < before)
      .toSorted((left, right) => left - right)
      .slice(-limit)
      .toReversed()
      .flatMap((id) => this.#all.get(id) ?? []);
  }

  /** Whether a plaintext of a length is within the limits. */
  accepts(length: number): boolean {
    return length <= Math.min(this.#limits.maxDeadLetterLength, this.#limits.maxTotalDeadLetterLength);
  }

  add(letter: DeadLetter): void {
    const { id, did, length } = letter;
    this.#all.set(id, letter);
    this.#length += length;
    const own = this.#byAgent.get(did) ?? { ids: new Set(), length: 0 };
    this.#byAgent.set(did, own);
    own.ids.add(id);
    own.length += length;
  }

  /** Removes and returns the oldest ones of an agent, and of all, that are beyond the limits. */
  takeSurplus(did: string): readonly number[] {
    const { maxDeadLetters, maxDeadLetterLength, maxTotalDeadLetters, maxTotalDeadLetterLength } = this.#limits;
    const own = this.#byAgent.get(did) ?? { ids: new Set<number>(), length: 0 };
    const surplus: number[] = [];
    const take = (ids: Iterable<number>): void => {
      for (const oldest of ids) {
        this.delete(oldest);
        surplus.push(oldest);
        return;
      }
    };
    while (own.ids.size > maxDeadLetters || own.length > maxDeadLetterLength) take(own.ids);
    while (this.#all.size > maxTotalDeadLetters || this.#length > maxTotalDeadLetterLength) take(this.#all.keys());
    return surplus;
  }

  /** @returns whether it was there. */
  delete(id: number): boolean {
    const letter = this.#all.get(id);
    if (letter === undefined) return false;
    const { did, length } = letter;
    this.#all.delete(id);
    this.#length -= length;
    const own = this.#byAgent.get(did);
    if (own !== undefined) {
      own.ids.delete(id);
      own.length -= length;
      if (own.ids.size === 0) this.#byAgent.delete(did);
    }
    return true;
  }
}
