import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { OpenedPage } from "./opened-page.ts";
import { Stack } from "./stack.ts";

/** Options of {@link flood}. */
export interface FloodOptions {
  readonly browser: Browser;
  readonly seconds: number;
  /** Messages per second. Each causes three events: accepted, delivered, settled. */
  readonly rate: number;
}

/** What a page did under load. */
export interface FloodResult {
  readonly messages: number;
  /** Messages per second that were acknowledged. */
  readonly rate: number;
  /** Milliseconds of the longest task of the page after the load had begun; 0 if none exceeded 50 ms. */
  readonly longestTaskMs: number;
  /** Tasks above 50 ms. */
  readonly longTasks: number;
  /** CPU time of the page's main thread for a second of load, in milliseconds. It depends less on other work of the machine. */
  readonly cpuMsPerSecond: number;
  /** Events that the page shows as left out. */
  readonly missed: number;
  /** Bytes of the page's JavaScript heap at the end. */
  readonly heapBytes: number;
  readonly errors: readonly string[];
}

const NOTE = "https://example.com/note/1.0";
const [SENDER, RECIPIENT] = ["did:web:localhost:sender", "did:web:localhost:recipient"];
const TURN_MS = 20;

/** Collects the durations of long tasks. */
const OBSERVE = `
  globalThis.longTasks = [];
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) globalThis.longTasks.push(duration);
  }).observe({ type: "longtask" });
`;

interface Observed {
  readonly longTasks: readonly number[];
  readonly missed: number;
  readonly heapBytes: number;
}

const READ = `({
  longTasks: globalThis.longTasks,
  missed: Number(document.querySelector("[data-missed]")?.dataset.missed ?? 0),
  heapBytes: performance.memory.usedJSHeapSize,
})`;

/** Opens the screen Messages while agents exchange messages at a rate. */
export async function flood({ browser, seconds, rate }: FloodOptions): Promise<FloodResult> {
  await using stack = await Stack.start();
  const recipient = stack.agent(RECIPIENT);
  let handled = 0;
  recipient.handle(`${NOTE}/note`, () => void (handled += 1));
  await recipient.connect();
  const sender = stack.agent(SENDER);
  await sender.connect();
  const opened = await OpenedPage.open(browser, stack.admin.url);
  await opened.show("messages");
  await sender.send({ type: `${NOTE}/note`, to: RECIPIENT, body: { first: true } });
  await opened.page.locator("main").getByText("settled").first().waitFor();
  await opened.page.evaluate(OBSERVE);
  const cpuMs = await cpuMeter(opened.page);
  const start = performance.now();
  const sends: Promise<unknown>[] = [];
  for (let sent = 0; sent < rate * seconds;) {
    const due = Math.min(rate * seconds, Math.floor(((performance.now() - start) / 1000) * rate));
    for (; sent < due; sent++) sends.push(sender.send({ type: `${NOTE}/note`, to: RECIPIENT, body: { sent } }));
    await sleep(TURN_MS);
  }
  await Promise.all(sends);
  const elapsed = (performance.now() - start) / 1000;
  // The last event has arrived at the page.
  await sender.send({ id: "the-last-one", type: `${NOTE}/last`, to: RECIPIENT, body: {} });
  await opened.page.locator("main").getByText("1.0/last").first().waitFor();
  const cpuMsPerSecond = Math.round((await cpuMs()) / elapsed);
  const { longTasks, missed, heapBytes } = await opened.page.evaluate<Observed>(READ);
  await opened.close();
  return {
    messages: sends.length,
    rate: Math.round(handled / elapsed),
    longestTaskMs: Math.round(Math.max(0, ...longTasks)),
    longTasks: longTasks.length,
    cpuMsPerSecond,
    missed,
    heapBytes,
    errors: opened.errors,
  };
}

/** Returns a function that returns the CPU time of the page's tasks since this call, in milliseconds. */
async function cpuMeter(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const read = async (): Promise<number> => {
    const { metrics } = await session.send("Performance.getMetrics");
    return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0) * 1000;
  };
  const start = await read();
  return async () => (await read()) - start;
}
