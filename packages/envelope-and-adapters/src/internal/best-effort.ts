/** Runs a task for a limited time and ignores its failure. For messages that are optional, such as close notices. */
export async function bestEffort(timeoutMs: number, act: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), timeoutMs);
  try {
    const late = new Promise<void>((resolve) => giveUp.signal.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([act(giveUp.signal), late]);
  } catch {
    // The peer detects the end by a timeout instead.
  } finally {
    clearTimeout(timer);
  }
}
