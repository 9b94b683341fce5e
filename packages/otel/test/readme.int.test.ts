import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const GREETING = "https://shop.example/greeting/1.0";

it("the smallest program records one trace of a request, from the call to the handler and back, and no errors", async () => {
  const readme = await readFile(`${ROOT}README.md`, "utf8");
  const program = /\n## The smallest program\n.*?```ts\n(.*?)```/s.exec(readme)?.[1] ?? "";
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const [code] = (await once(child, "close")) as [number | null];
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).not.toContain("[parley]");
  const valuesOf = (pattern: RegExp): string[] => Array.from(out.matchAll(pattern), ([, value = ""]) => value);
  const names = valuesOf(/^ {2}name: '(.+)'/gm);
  expect(names).toContain(`process ${GREETING}/request`);
  expect(names.toSorted()).toEqual([
    "accept",
    "accept",
    "deliver",
    "deliver",
    `process ${GREETING}/request`,
    `request ${GREETING}/request`,
    `send ${GREETING}/request`,
    `send ${GREETING}/response`,
    "settle",
    "settle",
  ]);
  expect(new Set(valuesOf(/^ {2}traceId: '(\w+)'/gm)).size).toBe(1);
});
