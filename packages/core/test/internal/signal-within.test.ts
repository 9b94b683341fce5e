import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it, vi } from "vitest";
import { signalWithin } from "../../src/internal/index.ts";

it("aborts with a TimeoutError after the time, or with the first of the signals", () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  try {
    const [alone, stop] = [signalWithin(1000), new AbortController()];
    const either = signalWithin(1000, undefined, stop.signal);
    stop.abort(new Error("enough"));
    expect(either.reason).toEqual(new Error("enough"));
    expect(alone.aborted).toBe(false);
    vi.advanceTimersByTime(1000);
    expect(alone.reason).toMatchObject({ name: "TimeoutError" });
  } finally {
    vi.useRealTimers();
  }
});

it("aborts after a garbage collection", async () => {
  const built = fileURLToPath(new URL("../../dist/internal/index.js", import.meta.url));
  const program = `
    import { signalWithin } from ${JSON.stringify(built)};
    const collecting = setInterval(() => globalThis.gc(), 5);
    const aborted = () => new Promise((resolve) => signalWithin(100, new AbortController().signal).addEventListener("abort", resolve));
    await Promise.all(Array.from({ length: 10 }, aborted));
    clearInterval(collecting);
    console.log("all aborted");
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", "--input-type=module", "--eval", program], {
    timeout: 60_000,
  });
  expect(stdout).toBe("all aborted\n");
});
