/** Waits for a promise, but no longer than this, and whatever becomes of it. For farewells that nobody waits for. */
export async function settleWithin(timeoutMs: number, act: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), timeoutMs);
  try {
    const late = new Promise<void>((resolve) => giveUp.signal.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([act(giveUp.signal), late]);
  } catch {
    // It was a courtesy: the other side finds out without it.
  } finally {
    clearTimeout(timer);
  }
}
