/** A set of pages of a file, with one bit per page. */
export class PageSet {
  readonly #bits: Uint8Array;

  constructor(lastPage: number) {
    this.#bits = new Uint8Array((lastPage >>> 3) + 1);
  }

  /** Adds a page. @returns false if the set contains it already. */
  add(page: number): boolean {
    const bit = 1 << (page & 7);
    const at = Math.floor(page / 8);
    const byte = this.#bits[at] ?? 0;
    if ((byte & bit) !== 0) return false;
    this.#bits[at] = byte | bit;
    return true;
  }
}
