import { TimeSlice } from "@parley/core/internal";

/** Returns a promise to await, or `undefined` if the current computation may continue. Called inside long loops. */
export type Pause = () => Promise<void> | undefined;

/** A pause that yields to the event loop every few milliseconds, so that large groups don't block other work of the process. */
export function createPause(): Pause {
  const slice = new TimeSlice();
  return () => (slice.isOver ? slice.next() : undefined);
}
