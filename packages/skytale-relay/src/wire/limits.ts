import { FrameError } from "./frame-error.ts";

/**
 * Largest number of parts of one kind in a frame, such as messages of a batch. A part can be as small as two bytes but needs about a hundred
 * bytes of memory, so that a limit on the frame's size alone is not sufficient.
 */
export const MAX_PARTS = 16_384;

/** @throws FrameError */
export function checkCount(count: number): void {
  if (count > MAX_PARTS) throw new FrameError("a frame has too many parts");
}
