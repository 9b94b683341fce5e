import { ParleyError } from "@parley/core";

/** Tells a listener of errors that it may not have. One that throws must not do to the others what a peer's bad message may not. */
export function reporterOf(listener: ((error: Error) => void) | undefined): (error: unknown) => void {
  return (error) => {
    try {
      listener?.(error instanceof Error ? error : ParleyError.from(error));
    } catch {
      // A listener's own failure has nobody left to be told.
    }
  };
}
