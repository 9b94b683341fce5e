/** Bytes of a slab. A buffer that is kept retains at most this much of its neighbours. */
const SLAB_BYTES = 16 * 1024;
/** Longer buffers are allocated by themselves. */
const MAX_SHARED_BYTES = SLAB_BYTES / 4;

/**
 * Allocates buffers that are kept for long, several from one allocation. Node's own pool would mix them with buffers that live for one
 * turn of the event loop, so that a log in memory retained five bytes for each byte of a message of 1 KiB.
 */
export class Slab {
  #bytes: Buffer = Buffer.alloc(0);
  #used = 0;

  /** Returns a buffer with undefined content. */
  allocate(length: number): Buffer {
    if (length > MAX_SHARED_BYTES) return Buffer.allocUnsafeSlow(length);
    if (this.#used + length > this.#bytes.length) {
      this.#bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    return this.#bytes.subarray(start, this.#used);
  }
}
