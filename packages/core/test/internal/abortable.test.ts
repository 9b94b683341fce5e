import { abortable, deferred, runWithin } from "@parley/core/internal";
import { describe, expect, it } from "vitest";

const never = (): Promise<never> => new Promise(() => {});

describe("abortable", () => {
  it("passes the promise's outcome on", async () => {
    expect(await abortable(Promise.resolve(1), undefined)).toBe(1);
    const { signal } = new AbortController();
    expect(await abortable(Promise.resolve(2), signal)).toBe(2);
    await expect(abortable(Promise.reject(new Error("failed")), signal)).rejects.toThrow("failed");
  });

  it("rejects with the signal's reason when it fires", async () => {
    const abort = new AbortController();
    const result = abortable(never(), abort.signal);
    abort.abort(new Error("no more"));
    await expect(result).rejects.toThrow("no more");
  });

  it("leaves no rejection unhandled, whether the signal fires before the call or during it", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    try {
      const abort = new AbortController();
      const before = deferred<never>();
      const during = deferred<never>();
      const waiting = abortable(during.promise, abort.signal);
      abort.abort(new Error("no more"));
      await expect(waiting).rejects.toThrow("no more");
      await expect(abortable(before.promise, abort.signal)).rejects.toThrow("no more");
      before.reject(new Error("late"));
      during.reject(new Error("late"));
      await new Promise((resolve) => setImmediate(resolve)); // unhandled rejections are reported before it
      expect(unhandled).toEqual([]);
    } finally {
      process.off("unhandledRejection", note);
    }
  });
});

describe("runWithin", () => {
  it("gives the task a signal that is aborted once the task is done", async () => {
    let given: AbortSignal | undefined;
    const task = async (signal: AbortSignal): Promise<boolean> => {
      given = signal;
      return signal.aborted;
    };
    expect(await runWithin({}, task)).toBe(false);
    expect(given?.aborted).toBe(true);
  });

  it("ends a task that ignores its signal, with the error for its time", async () => {
    let given: AbortSignal | undefined;
    const task = (signal: AbortSignal): Promise<never> => {
      given = signal;
      return never();
    };
    const onTimeout = (): Error => new Error("too slow");
    await expect(runWithin({ timeoutMs: 1, onTimeout }, task)).rejects.toThrow("too slow");
    expect(given?.reason).toMatchObject({ message: "too slow" });
    await expect(runWithin({ timeoutMs: 1 }, never)).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it("reports the signal's reason, not what the task makes of it", async () => {
    const abort = new AbortController();
    const task = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("of the task"))));
    const result = runWithin({ signals: [undefined, abort.signal] }, task);
    abort.abort(new Error("no more"));
    await expect(result).rejects.toThrow("no more");
  });

  it("does not begin when a signal has fired already", async () => {
    let ran = false;
    const task = async (): Promise<void> => void (ran = true);
    await expect(runWithin({ signals: [AbortSignal.abort(new Error("no more"))] }, task)).rejects.toThrow("no more");
    expect(ran).toBe(false);
  });

  it("takes a time longer than a timer can hold", async () => {
    expect(await runWithin({ timeoutMs: Infinity }, async () => "done")).toBe("done");
    const task = deferred<string>();
    const result = runWithin({ timeoutMs: Infinity }, () => task.promise);
    setImmediate(() => setImmediate(() => task.resolve("done")));
    expect(await result).toBe("done");
  });
});
