// Opens the console's page while agents exchange messages, and prints how long its tasks took. Fails if one took more than 100 ms.
//   npm run console:flood -- --seconds 60 --rate 1000
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { buildConsole } from "./build-console.ts";
import { findBrowser } from "./find-browser.ts";
import { flood } from "./flood.ts";

const MAX_TASK_MS = 100;
const MAX_HEAP_BYTES = 150 * 1024 * 1024;

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, rate: { type: "string", default: "1000" } } });
const found = findBrowser();
if (found.path === undefined) throw new Error(found.missing);
buildConsole();
const browser = await chromium.launch({ executablePath: found.path });
try {
  const result = await flood({ browser, seconds: Number(values.seconds), rate: Number(values.rate) });
  process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
  const { longestTaskMs, heapBytes, missed, errors } = result;
  if (longestTaskMs > MAX_TASK_MS) throw new Error(`A task took ${longestTaskMs} ms; the limit is ${MAX_TASK_MS} ms`);
  if (heapBytes > MAX_HEAP_BYTES) throw new Error(`The heap has ${heapBytes} bytes; the limit is ${MAX_HEAP_BYTES}`);
  if (missed === 0 && Number(values.rate) >= 1000) throw new Error("The page shows no gap, although it cannot have read all events");
  if (errors.length > 0) throw new Error(errors.join("\n"));
} finally {
  await browser.close();
}
