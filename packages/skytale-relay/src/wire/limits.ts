import { FrameError } from "./frame-error.ts";

/**
 * Parts of one kind in one frame: messages of a batch, batches, and so on. A part takes two bytes of a frame and a hundred of memory, so
 * their number needs a limit of its own.
 */
export const MAX_PARTS = 16_384;

/** @throws FrameError */
export function checkCount(count: number): void {
  if (count > MAX_PARTS) throw new FrameError("a frame has too many parts");
}
