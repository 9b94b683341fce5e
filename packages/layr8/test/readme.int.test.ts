import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { startNode } from "@parley/layr8-node";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The first code block of a package's README, or the first one after a heading. */
async function programOf(name: string, heading?: string): Promise<string> {
  const readme = await readFile(`${ROOT}../${name}/README.md`, "utf8");
  const block = /```ts\n(.*?)```/s.exec(heading === undefined ? readme : readme.slice(readme.indexOf(`\n## ${heading}\n`)))?.[1];
  if (block === undefined) throw new Error(`The README of ${name} has no such code block`);
  return block;
}

/** Runs a program as a user would, and gives what it printed. */
async function run(program: string, env: NodeJS.ProcessEnv = {}): Promise<{ readonly code: number | null; readonly printed: string }> {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, printed };
}

it.each([
  ["didcomm-agent", /did:web:localhost:echo answers did:web:\S+: \{ text: 'hello' \}\n$/],
  ["transport-phoenix", /\{ content: 'to myself' \}\n$/],
  ["credentials-client", /Acme Corp.*EdDSA\n1 true\ndid:web:localhost%3A\d+:my-agent\n$/s],
])("the smallest program of %s runs as it is written", async (name, expected) => {
  const { code, printed } = await run(await programOf(name));
  expect(printed).toMatch(expected);
  expect(code).toBe(0);
});

it("the program with credentials runs as it is written", async () => {
  await using node = await startNode({ port: 0, logger: false });
  const env = { LAYR8_NODE_URL: node.url, LAYR8_API_KEY: node.apiKey ?? "" };
  const { code, printed } = await run(await programOf("layr8", "Credentials"), env);
  expect(printed).toContain("Acme Corp");
  expect(printed).toContain("1 true");
  expect(code).toBe(0);
});
