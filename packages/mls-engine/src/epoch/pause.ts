/** Lets other work of the process run, when a long computation has had its turn. */
export type Pause = () => Promise<void> | undefined;

/** Milliseconds that a computation goes on without a pause. */
const TURN_MS = 8;

/** A pause that is taken only every few milliseconds. */
export function createPause(now: () => number = () => performance.now()): Pause {
  let started = now();
  return () => {
    if (now() - started < TURN_MS) return undefined;
    return (async () => {
      await nextTurn();
      started = now();
    })();
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
