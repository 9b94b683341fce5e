import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OUTPUT_SCHEMAS } from "../src/schemas/index.ts";
import { Workplace } from "./parley.ts";

let place: Workplace;

beforeEach(async () => {
  place = await Workplace.create();
});

afterEach(() => place.remove());

interface Report {
  readonly ok: boolean;
  readonly checks: readonly { readonly id: string; readonly status: string; readonly found: string }[];
}

describe("parley doctor as a command", () => {
  it("passes for a running parley dev, prints JSON by its schema, and writes a report without keys", { timeout: 240_000 }, async () => {
    const dev = await place.dev();
    const { code, stdout } = await place.run(["doctor", "--json", "--timeout", "1m", "--bundle", "bundle.json"]);
    const report = JSON.parse(stdout) as Report;
    expect(report.checks.filter(({ status }) => status === "failed")).toEqual([]);
    expect(code).toBe(0);
    expect(OUTPUT_SCHEMAS["doctor"]?.safeParse(report)).toMatchObject({ success: true });
    const found = (id: string): string | undefined => report.checks.find((check) => check.id === id)?.found;
    expect(found("settings")).toBe("from .env; not used: parley dev");
    expect(found("data-lock")).toContain(`(pid ${dev.child.pid})`);
    const bundle = await readFile(join(place.path, "bundle.json"), "utf8");
    for (const name of ["LAYR8_API_KEY", "SKYTALE_API_KEY"]) {
      expect(bundle).not.toContain(dev.environment[name]);
      expect(stdout).not.toContain(dev.environment[name]);
    }
  });

  it("ends with the exit code of the first failure, and prints its remedy", async () => {
    const { code, stdout } = await place.run(["doctor"]);
    expect(code).toBe(2);
    expect(stdout).toContain("FAILED   URLs and keys (settings): no server is known");
    expect(stdout).toContain("remedy: start `parley dev`");
    const unreachable = { LAYR8_NODE_URL: "http://127.0.0.1:9", LAYR8_API_KEY: "k" };
    expect((await place.run(["doctor"], { env: unreachable })).code).toBe(5);
  });
});
