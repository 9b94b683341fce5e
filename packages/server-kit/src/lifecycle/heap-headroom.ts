import { getHeapStatistics, setFlagsFromString } from "node:v8";

const MIB = 1024 * 1024;
/** More than the buffers that V8 lets young objects hold before it collects those: 32 MiB. */
const HEADROOM_BYTES = 64 * MIB;
/** In a heap of this size, V8's own choice leaves as much. */
const LARGE_HEAP_BYTES = 4 * HEADROOM_BYTES;
const INTERVAL_MS = 60_000;

/**
 * Lets a heap grow by 64 MiB, buffers included, before V8 collects all of it.
 *
 * V8 expects a heap to grow as fast as its objects do, and does not count the memory of their buffers in that. But it counts it when it decides whether
 * a heap has grown enough. So a relay with 26 MiB in use collected everything after each 8 MiB of buffers, although they are short-lived, ten times as
 * often as with this headroom, and took a third more processor time for each message. For programs: it holds for the whole process.
 */
export function keepHeapHeadroom(): void {
  const adjust = (): void => setFlagsFromString(`--heap-growing-percent=${growingPercent(getHeapStatistics().used_heap_size)}`);
  adjust();
  setInterval(adjust, INTERVAL_MS).unref();
}

/** Growth of a heap until V8 collects it, in percent of the bytes in use; 0: as V8 decides. */
export function growingPercent(usedBytes: number): number {
  return usedBytes >= LARGE_HEAP_BYTES ? 0 : Math.ceil((100 * HEADROOM_BYTES) / usedBytes);
}
