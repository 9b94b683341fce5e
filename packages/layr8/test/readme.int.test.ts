import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { startNode } from "@parley/layr8-node";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The first code block of the README after a heading. */
async function blockAfter(heading: string): Promise<string> {
  const readme = await readFile(`${ROOT}README.md`, "utf8");
  const block = /```ts\n(.*?)```/s.exec(readme.slice(readme.indexOf(`\n## ${heading}\n`)))?.[1];
  if (block === undefined) throw new Error(`README.md has no code block after ${heading}`);
  return block;
}

it("the README's program with credentials runs as it is written", async () => {
  await using node = await startNode({ port: 0, logger: false });
  const program = spawn(process.execPath, ["--input-type=module", "--eval", await blockAfter("Credentials")], {
    cwd: ROOT,
    env: { ...process.env, LAYR8_NODE_URL: node.url, LAYR8_API_KEY: node.apiKey ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said: string[] = [];
  for (const stream of [program.stdout, program.stderr]) stream.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  const [code] = (await once(program, "close")) as [number | null];
  expect(said.join("")).toContain("Acme Corp");
  expect(said.join("")).toContain("1 true");
  expect(code).toBe(0);
});
