import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

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
