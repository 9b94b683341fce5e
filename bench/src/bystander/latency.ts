import { setTimeout as delay } from "node:timers/promises";

/** Milliseconds that calls took. A call that failed counts as one that never came back. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly failed: number;
}

const INTERVAL_MS = 20;
const PATIENCE_MS = 20_000;

/** Makes a call every 20 ms, whether or not earlier calls have returned, and measures their duration. */
export async function measureLatency(durationMs: number, call: () => Promise<unknown>): Promise<Latency> {
  const times: number[] = [];
  let failed = 0;
  const calls: Promise<void>[] = [];
  const one = async (): Promise<void> => {
    const started = performance.now();
    try {
      await call();
      times.push(performance.now() - started);
    } catch {
      failed++;
    }
  };
  for (const end = performance.now() + durationMs; performance.now() < end; await delay(INTERVAL_MS)) calls.push(one());
  const gaveUp = new AbortController();
  await Promise.race([
    Promise.all(calls).finally(() => gaveUp.abort()),
    delay(PATIENCE_MS, undefined, { signal: gaveUp.signal }).catch(() => {}),
  ]);
  failed += calls.length - times.length - failed;
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Infinity;
  return { p50: at(0.5), p99: at(0.99), max: failed > 0 ? Infinity : at(1), failed };
}
