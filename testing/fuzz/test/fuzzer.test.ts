import { describe, expect, it } from "vitest";
// @ts-expect-error scripts have no types
import * as counters from "../../../scripts/lib/branch-counters.mjs";
// @ts-expect-error scripts have no types
import { instrument } from "../../../scripts/lib/instrument.mjs";
import { Fuzzer } from "../src/fuzzer.ts";
import type { Target } from "../src/target.ts";

void counters;

/** A target out of code that gets `input`, with a counter at every branch. */
function targetOf(code: string, seed: string, format: Target["format"] = "bytes"): Target {
  let count = 0;
  const instrumented = (instrument as (code: string, path: string, next: () => number) => string)(
    `const run = (input) => { ${code} };`,
    "target.js",
    () => count++,
  );
  // oxlint-disable-next-line typescript/no-implied-eval, typescript/no-unsafe-call -- the code is this test's own
  const run = new Function(`${instrumented} return run;`)() as (input: Uint8Array) => void;
  const seeds = [new TextEncoder().encode(seed)];
  return { format, seeds, work: { base: 1000, perByte: 10 }, run: async (input) => run(input) };
}

/** Runs inputs until one leads to a fault. */
async function search(target: Target, seed: number): Promise<{ runs: number; error: string } | undefined> {
  using fuzzer = new Fuzzer(target, { seed, corpus: [], onInput: () => {} });
  let result = await fuzzer.start();
  while (result.ok && fuzzer.runs < 100_000) result = await fuzzer.step();
  return result.ok ? undefined : { runs: fuzzer.runs, error: String(result.fault.error) };
}

describe("the fuzzer", () => {
  it("finds what only coverage leads to: byte after byte of a word", async () => {
    const code = 'if (input[0] === 80) if (input[1] === 97) if (input[2] === 114) if (input[3] === 108) throw new Error("found");';
    expect(await search(targetOf(code, "xxxx"), 1)).toMatchObject({ error: "Error: found" });
  });

  it("finds a member of JSON that is of another type", async () => {
    const code = "const value = JSON.parse(Buffer.from(input)); value.a.b.toUpperCase();";
    const target = targetOf(code, '{"a":{"b":"x"}}', "json");
    const tolerant = { ...target, run: (input: Uint8Array) => target.run(input).catch((error: unknown) => rethrow(error)) };
    expect(await search(tolerant, 1)).toMatchObject({ error: expect.stringMatching(/^TypeError/) as unknown });
  });

  it("reports an input that costs more work than its length allows, by a count and not by a clock", async () => {
    const code = "let n = 1; for (const byte of input) if (byte === 42) n *= 4; for (let i = 0; i < n; i++) ;";
    expect(await search(targetOf(code, "a*b*c"), 1)).toMatchObject({ error: expect.stringMatching(/cost more than/) as unknown });
  });

  it("reports an endless loop even where the code catches everything", async () => {
    const code = "try { while (input[0] === 33) ; } catch { return; }";
    expect(await search(targetOf(code, "a"), 1)).toMatchObject({ error: expect.stringMatching(/An input cost/) as unknown });
  });

  it("makes the same choices for the same seed", async () => {
    const code = 'if (input[0] === 80) if (input[1] === 97) throw new Error("found");';
    const [first, again] = [await search(targetOf(code, "xxxx"), 7), await search(targetOf(code, "xxxx"), 7)];
    expect(first).toBeDefined();
    expect(again).toEqual(first);
  });
});

/** Invalid JSON is an expected rejection. */
function rethrow(error: unknown): void {
  if (!(error instanceof SyntaxError)) throw error;
}
