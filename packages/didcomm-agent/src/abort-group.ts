/** Listens to each signal once, however many wait on it: a listener for each makes Node warn of a leak, and is slow by the thousand. */
export class AbortGroup {
  readonly #signals = new Map<AbortSignal, { readonly waiting: Set<() => void>; readonly onAbort: () => void }>();

  /** @returns a function that stops waiting. */
  add(signal: AbortSignal, call: () => void): () => void {
    const { waiting, onAbort } = this.#signals.get(signal) ?? this.#listen(signal);
    waiting.add(call);
    return () => {
      waiting.delete(call);
      if (waiting.size > 0) return;
      signal.removeEventListener("abort", onAbort);
      this.#signals.delete(signal);
    };
  }

  #listen(signal: AbortSignal): { readonly waiting: Set<() => void>; readonly onAbort: () => void } {
    const waiting = new Set<() => void>();
    const onAbort = () => {
      for (const call of waiting) call();
    };
    signal.addEventListener("abort", onAbort);
    const entry = { waiting, onAbort };
    this.#signals.set(signal, entry);
    return entry;
  }
}
