/** Room for bodies, in all and for one address. */
export interface RoomLimits {
  /** Bytes of all requests that are being read or worked on. */
  readonly total: number;
  /** Bytes of those of one address; one request may always be there. */
  readonly perAddress: number;
}

/** What the smallest request counts for. */
const LEAST = 16 * 1024;

/** Bounds the memory and the work that requests of strangers may take at once. */
export class Room {
  readonly #limits: RoomLimits;
  readonly #used = new Map<string, number>();
  #total = 0;

  constructor(limits: RoomLimits) {
    this.#limits = limits;
  }

  /**
   * Lets a request in.
   *
   * @param length its body's length as it says itself.
   * @returns what to call when it is answered, once; `undefined` if there is no room.
   */
  enter(address: string, length: number): (() => void) | undefined {
    const size = Math.max(LEAST, length);
    const used = this.#used.get(address) ?? 0;
    if (this.#total + size > this.#limits.total || (used > 0 && used + size > this.#limits.perAddress)) return undefined;
    this.#total += size;
    this.#used.set(address, used + size);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#total -= size;
      const rest = (this.#used.get(address) ?? size) - size;
      if (rest > 0) this.#used.set(address, rest);
      else this.#used.delete(address);
    };
  }
}
