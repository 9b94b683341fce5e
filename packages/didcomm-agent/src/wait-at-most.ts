import { MAX_TIMER_MS } from "@parley/core/eager";

/** Waits for a promise, but no longer than the given time. Resolves in both cases; rejects if the promise does before that time. */
export async function waitAtMost(ms: number, promise: Promise<unknown>): Promise<void> {
  if (ms >= MAX_TIMER_MS) {
    await promise;
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
