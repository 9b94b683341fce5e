import { ParleyError } from "@parley/core";

/** Wraps an optional error listener, so that errors it throws do not affect the caller. */
export function errorReporter(listener: ((error: Error) => void) | undefined): (error: unknown) => void {
  return (error) => {
    try {
      listener?.(error instanceof Error ? error : ParleyError.from(error));
    } catch {
      // Errors of listeners are ignored: they must not throw.
    }
  };
}
