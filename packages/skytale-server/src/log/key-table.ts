const WORDS = 4;
const FIRST_CAPACITY = 64;

/**
 * Sequences by id: a hash table in typed arrays. As many strings in a Map would be three times as large, and the garbage collector would
 * go through all of them again and again. An id has 16 characters, each a byte, and is a hash already.
 */
export class KeyTable {
  #words = new Uint32Array(FIRST_CAPACITY * WORDS);
  /** 0: the slot is free. */
  #sequences = new Float64Array(FIRST_CAPACITY);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: string): number | undefined {
    const sequence = this.#sequences[this.#slotOf(word(id, 0), word(id, 4), word(id, 8), word(id, 12))];
    return sequence === 0 ? undefined : sequence;
  }

  /** @param sequence greater than 0. */
  set(id: string, sequence: number): void {
    if (this.#size * 2 >= this.#sequences.length) this.#grow();
    this.#put(word(id, 0), word(id, 4), word(id, 8), word(id, 12), sequence);
  }

  #put(a: number, b: number, c: number, d: number, sequence: number): void {
    const slot = this.#slotOf(a, b, c, d);
    if (this.#sequences[slot] === 0) this.#size++;
    const at = slot * WORDS;
    this.#words[at] = a;
    this.#words[at + 1] = b;
    this.#words[at + 2] = c;
    this.#words[at + 3] = d;
    this.#sequences[slot] = sequence;
  }

  /** The slot that has an id, or the free one where it belongs. */
  #slotOf(a: number, b: number, c: number, d: number): number {
    const words = this.#words;
    const mask = this.#sequences.length - 1;
    for (let slot = a & mask; ; slot = (slot + 1) & mask) {
      if (this.#sequences[slot] === 0) return slot;
      const at = slot * WORDS;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot;
    }
  }

  #grow(): void {
    const words = this.#words;
    const sequences = this.#sequences;
    this.#words = new Uint32Array(words.length * 2);
    this.#sequences = new Float64Array(sequences.length * 2);
    this.#size = 0;
    for (let slot = 0; slot < sequences.length; slot++) {
      const sequence = sequences[slot] ?? 0;
      if (sequence === 0) continue;
      const at = slot * WORDS;
      this.#put(words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0, sequence);
    }
  }
}

function word(id: string, at: number): number {
  return (id.charCodeAt(at) | (id.charCodeAt(at + 1) << 8) | (id.charCodeAt(at + 2) << 16) | (id.charCodeAt(at + 3) << 24)) >>> 0;
}
