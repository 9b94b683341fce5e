/** Bytes that are kept for the next commit. What one needs beyond them is allocated for it alone. */
const KEPT_BYTES = 512 * 1024;

/**
 * Memory for the records of one commit after the other. Fresh buffers for each would have the garbage collector go through the whole heap
 * many times a second, since it counts their bytes whether they are still in use or not.
 */
export class RecordSpace {
  readonly #bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);
  #used = 0;

  /** What was taken so far is not needed any more. */
  reuse(): void {
    this.#used = 0;
  }

  /** So many bytes, with anything in them. */
  take(length: number): Buffer {
    if (length > KEPT_BYTES - this.#used) return Buffer.allocUnsafe(length);
    this.#used += length;
    return this.#bytes.subarray(this.#used - length, this.#used);
  }
}
