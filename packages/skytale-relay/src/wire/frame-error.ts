/** Bytes that are no valid frame. Never leaves the package: it becomes a `RelayError`, or the end of a stream. */
export class FrameError extends Error {
  override readonly name: string = "FrameError";
}
