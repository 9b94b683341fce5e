import { expect, it } from "vitest";
import { createStatusListFetch } from "../../src/index.ts";

const URL = "https://issuer.example/status/1";

/** Never answers, and doesn't heed its signal. */
const deaf = (): Promise<never> => new Promise(() => {});

it("times out even if fetch ignores its signal", async () => {
  const list = createStatusListFetch({ fetch: deaf, timeoutMs: 1 })(URL, { signal: new AbortController().signal, maxBytes: 1000 });
  await expect(list).rejects.toMatchObject({
    code: "status_unavailable",
    retryable: true,
    message: "The status list did not arrive within 1 ms",
  });
});

it("rejects with the reason of the caller's signal", async () => {
  const abort = new AbortController();
  const list = createStatusListFetch({ fetch: deaf })(URL, { signal: abort.signal, maxBytes: 1000 });
  abort.abort(new Error("no more"));
  await expect(list).rejects.toThrow("no more");
});
