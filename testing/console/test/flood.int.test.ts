import { describeUnless, gateOrSoak } from "@parley/test-assertions";
import { chromium } from "playwright-core";
import { beforeAll, expect, it } from "vitest";
import { buildConsole, findBrowser, flood } from "../src/index.ts";

const found = findBrowser();
const RATE = 1000;

describeUnless(found.missing, "a page that follows more events than it can read", () => {
  beforeAll(buildConsole);

  // The times of its tasks depend on the machine: `npm run console:flood` measures them.
  it("shows how many it has left out, and stays in order", { timeout: 240_000 }, async () => {
    const seconds = gateOrSoak(3, 60);
    const browser = await chromium.launch({ executablePath: found.path ?? "" });
    try {
      const { messages, missed, errors } = await flood({ browser, seconds, rate: RATE });
      expect(messages).toBe(RATE * seconds);
      expect(missed).toBeGreaterThan(0);
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
