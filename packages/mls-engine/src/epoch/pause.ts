/** Returns a promise to await, or `undefined` if the current computation may go on. Called inside long loops. */
export type Pause = () => Promise<void> | undefined;

/** Milliseconds after which a computation yields to the event loop. */
const TURN_MS = 8;

/** A pause that yields to the event loop at most every few milliseconds, so that large groups don't block other work of the process. */
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
