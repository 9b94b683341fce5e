import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

describe("the package", () => {
  it("uses neither Node modules nor Buffer outside of net/: it runs in browsers too", () => {
    const src = new URL("../src/", import.meta.url);
    const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts") && !/^net[/\\]/.test(name));
    expect(files.length).toBeGreaterThan(15);
    const lines = files.flatMap(
      (name) => readFileSync(new URL(name, src), "utf8").match(/^.*(?:from "(?:node:|[./]*net\/)|\bBuffer\.).*$/gm) ?? [],
    );
    expect(lines).toEqual([]);
  });
});
