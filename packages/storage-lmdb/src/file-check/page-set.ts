/** Pages of a file, one bit for each. */
export class PageSet {
  readonly #bits: Uint8Array;

  constructor(lastPage: number) {
    this.#bits = new Uint8Array((lastPage >>> 3) + 1);
  }

  /** Adds a page that the file has. @returns false when it is in the set already. */
  add(page: number): boolean {
    const bit = 1 << (page & 7);
    const at = Math.floor(page / 8);
    const byte = this.#bits[at] ?? 0;
    if ((byte & bit) !== 0) return false;
    this.#bits[at] = byte | bit;
    return true;
  }
}
