import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { BRIDGE_ERRORS } from "../src/bridge-error.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

it("the README's smallest program runs unchanged and exits", async () => {
  const readme = await readFile(`${ROOT}README.md`, "utf8");
  const program = /## The smallest program\n\n```ts\n(.*?)```/s.exec(readme)?.[1] ?? "";
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: ROOT,
    timeout: 60_000,
  });
  expect({ stdout, stderr }).toEqual({ stdout: "Hello\n", stderr: "" });
});

/** Formats a Markdown table as oxfmt does. */
function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

// To update the README after a change of BRIDGE_ERRORS, run this test with `--update`.
it("the README lists the error codes of BRIDGE_ERRORS", async () => {
  const rows = Object.entries(BRIDGE_ERRORS).map(([code, { meaning, retryable }]) => [`\`${code}\``, meaning, retryable ? "yes" : "no"]);
  const codes = table([["code", "meaning", "retryable"], ...rows]);
  const readme = await readFile(`${ROOT}README.md`, "utf8");
  const updated = readme.replace(
    /(<!-- error codes -->\n)[^]*?(<!-- end)/,
    (_all, start: string, end: string) => `${start}\n${codes}\n\n${end}`,
  );
  await expect(updated).toMatchFileSnapshot(`${ROOT}README.md`);
});
