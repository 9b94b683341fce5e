import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const table = readFileSync(new URL("../CONFORMANCE.md", import.meta.url), "utf8");
const rows = Array.from(
  table.matchAll(/^\|[^|]*\|[^|]*\| `([\w./-]+)`: (.*?)\s*\|$/gm),
  ([, file = "", name = ""]) => [file, name] as const,
);

/** What stands in quotes as the name of a test. */
function namesIn(file: string): readonly string[] {
  const source = readFileSync(new URL(file, import.meta.url), "utf8");
  return Array.from(source.matchAll(/(?:\bit|\))\(\s*"((?:[^"\\]|\\.)+)"/g), ([, name = ""]) => name);
}

describe("CONFORMANCE.md", () => {
  it("names a test in each row", () => {
    const requirements = table.split("\n").filter((line) => /^\| (?!section|-)/.test(line));
    expect(requirements.length).toBeGreaterThan(60);
    expect(rows).toHaveLength(requirements.length);
  });

  it.each(rows)("names a test of %s that exists: %s", (file, name) => {
    expect(namesIn(file).some((found) => found.startsWith(name))).toBe(true);
  });
});
