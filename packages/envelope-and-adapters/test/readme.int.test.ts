import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The programs under a heading of the README, except those that must be compiled. */
async function programsAfter(heading: string): Promise<string[]> {
  const readme = await readFile(`${ROOT}README.md`, "utf8");
  const from = readme.indexOf(`# ${heading}\n`);
  if (from === -1) throw new Error(`README.md has no heading ${heading}`);
  const [section = ""] = readme.slice(from + 2).split(/\n#+ /, 1);
  return [...section.matchAll(/```ts\n(.*?)```/gs)].flatMap(([, code = ""]) => (code.includes("import type") ? [] : code));
}

it.each([
  ["The smallest program", ['alice a2a {"hello":1}\n']],
  ["Envelopes", ["true { trace: 'abc' }\ntrue\n"]],
  ["MCP", [expect.stringContaining("Hello client")]],
  ["MCP 2026-07-28", [expect.stringMatching(/^modern .*Hello client/s)]],
  ["Without an SDK", [expect.stringContaining("result: {}")]],
  ["Messages in contexts", ["alice Hello\n", 'ROLE_USER [{"text":"Hello"}]\n']],
  ["The official client and request handler", ["Hello client\n"]],
  ["SLIM", ['{"celsius":180}\n']],
])("the README's programs under %s run unchanged and exit", async (heading, outputs: unknown[]) => {
  const programs = await programsAfter(heading);
  const said = await Promise.all(
    programs.map((program) =>
      promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], { cwd: ROOT, timeout: 60_000 }),
    ),
  );
  expect(said.map(({ stdout }) => stdout)).toEqual(outputs);
  expect(said.map(({ stderr }) => stderr)).toEqual(outputs.map(() => ""));
});
