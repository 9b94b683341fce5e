import { DidError } from "./did-error.ts";

/**
 * Runs something for a limited time, or until the caller's signal fires, whether or not it heeds its own signal. That one is aborted in
 * the end in any case, so that nothing it opened stays open.
 */
export async function withTimeLimit<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const abort = new AbortController();
  let stop = (): void => {};
  const stopped = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new DidError("timeout", `The DID was not resolved within ${timeoutMs} ms`)), timeoutMs);
    const onAbort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener("abort", onAbort);
    stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
  });
  try {
    return await Promise.race([run(abort.signal), stopped]);
  } finally {
    stop();
    abort.abort();
  }
}
