/** Thrown for malformed frames. Never leaves the package: callers convert it to a `RelayError` or end the stream. */
export class FrameError extends Error {
  override readonly name: string = "FrameError";
}
