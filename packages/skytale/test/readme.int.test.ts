import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startSkytale } from "@parley/skytale-server";
import { afterEach, beforeEach, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "skytale-readme-"));
});
afterEach(() => rm(directory, { recursive: true }));

/** The first code block of the README after a heading. */
async function blockAfter(heading: string): Promise<string> {
  const readme = await readFile(`${ROOT}README.md`, "utf8");
  const block = /```ts\n(.*?)```/s.exec(readme.slice(readme.indexOf(`\n## ${heading}\n`)))?.[1];
  if (block === undefined) throw new Error(`README.md has no code block after ${heading}`);
  return block;
}

/** Runs a program as it is written; resolves with its exit code and all that it said. */
async function run(
  program: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly said: string }> {
  // With a temporary directory of its own, where default data directories are.
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: directory, SKYTALE_DATA_DIR: "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, said: said.join("") };
}

it.each([
  ["The smallest program", ["Bob received: Hello from Alice!", "Bob received: Another message!"]],
  ["Envelopes", ['a2a {"hello":1}']],
  ["Adapters", ["agent-1 Hello", "{ jsonrpc: '2.0', method: 'ping', id: 1 }", "{ jsonrpc: '2.0', id: 1, result: {} }", "180 °C"]],
  ["Clients and channels", ["Received: Hello, agents!"]],
])("the README's program under %s runs as it is written", async (heading, expected) => {
  await using server = await startSkytale({ port: 0, relayPort: 0, logger: false });
  const env = { SKYTALE_RELAY: server.relayUrl, SKYTALE_API_URL: server.apiUrl, SKYTALE_API_KEY: server.apiKey ?? "" };
  const { code, said } = await run(await blockAfter(heading), env);
  for (const line of expected) expect(said).toContain(line);
  expect(code, said).toBe(0);
});
