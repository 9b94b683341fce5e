import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

function buf(...args: string[]): { readonly status: number | null; readonly output: string } {
  const env = { ...process.env, PATH: [join(PACKAGE, "node_modules", ".bin"), process.env["PATH"]].join(delimiter) };
  const { status, stdout, stderr } = spawnSync("buf", args, { cwd: PACKAGE, env, encoding: "utf8" });
  return { status, output: stdout + stderr };
}

/** File contents by path. */
function contentsOf(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map((file) => {
      const path = join(file.parentPath, file.name);
      return [relative(directory, path), readFileSync(path, "utf8")];
    }),
  );
}

it("the generated code matches the contract", () => {
  const directory = mkdtempSync(join(tmpdir(), "skytale-relay-gen-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  expect(buf("generate", "--output", directory)).toEqual({ status: 0, output: "" });
  expect(contentsOf(join(directory, "gen"))).toEqual(contentsOf(join(PACKAGE, "gen")));
});

it("the contract passes lint and format checks", () => {
  expect(buf("lint")).toEqual({ status: 0, output: "" });
  expect(buf("format", "--diff", "--exit-code")).toEqual({ status: 0, output: "" });
});
