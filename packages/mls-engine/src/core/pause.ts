/** Lets other work of the process run, when a long computation has had its turn. */
export type Pause = () => Promise<void> | undefined;

/** Milliseconds that a computation goes on without a pause. */
const TURN_MS = 8;

/** A pause that is taken only every few milliseconds. */
export function createPause(): Pause {
  let started = performance.now();
  return () => {
    if (performance.now() - started < TURN_MS) return undefined;
    return nextTurn().then(() => {
      started = performance.now();
    });
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
