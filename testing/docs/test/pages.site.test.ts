import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describeUnless } from "@parley/test-assertions";
import { findBrowser, OpenedPage } from "@parley/test-console";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ServedSite, serveSite } from "../src/index.ts";

const CACHE = fileURLToPath(new URL("../../../.cache/docs", import.meta.url));
const found = findBrowser();

/** Five kinds of page, and a text of each. */
const PAGES = [
  ["home", "/", "Parley"],
  ["guide", "/guides/agents.html", "Write an agent"],
  ["concept", "/concepts/requests.html", "Requests"],
  ["reference", "/reference/api/didcomm-agent.html", "@parley/didcomm-agent"],
  ["errors", "/errors/channels.html", "Errors of channels"],
] as const;

describeUnless(found.missing, "the docs site in Chromium", () => {
  let browser: Browser;
  let site: ServedSite;

  beforeAll(async () => {
    await mkdir(`${CACHE}/pictures`, { recursive: true });
    site = await serveSite(`${CACHE}/site`);
    browser = await chromium.launch({ executablePath: found.path ?? "" });
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  /** Opens a page, and collects requests to other hosts. */
  async function open(path: string, colorScheme: "light" | "dark"): Promise<{ opened: OpenedPage; foreign: string[] }> {
    const opened = await OpenedPage.open(browser, "about:blank", colorScheme);
    const foreign: string[] = [];
    opened.page.on("request", (request) => {
      if (!request.url().startsWith(site.url) && !request.url().startsWith("data:")) foreign.push(request.url());
    });
    await opened.page.goto(`${site.url}${path}`, { waitUntil: "networkidle" });
    return { opened, foreign };
  }

  async function picture({ page }: OpenedPage, name: string): Promise<void> {
    await page.screenshot({ path: `${CACHE}/pictures/${name}.png` });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.screenshot({ path: `${CACHE}/pictures/${name}-narrow.png` });
  }

  it.each(PAGES.flatMap((page) => (["light", "dark"] as const).map((scheme) => [...page, scheme] as const)))(
    "shows %s without accessibility problems, errors and other hosts: %s %s %s",
    async (name, path, title, scheme) => {
      const { opened, foreign } = await open(path, scheme);
      await opened.page.locator("main h1", { hasText: title }).waitFor();
      expect(await opened.violations()).toEqual([]);
      await picture(opened, `${name}-${scheme}`);
      const overflow = (): Promise<number> =>
        opened.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      await expect.poll(overflow, { message: "the narrow page scrolls sideways", timeout: 30_000 }).toBe(0);
      expect([...opened.errors, ...foreign]).toEqual([]);
      await opened.close();
    },
  );

  it.each([
    ["join_timeout", "Errors of channels"],
    ["epoch_mismatch", "Errors of channels"],
    ["request_timeout", "Errors of agents"],
    ["data_dir_locked", "Errors of servers"],
    ["e.p.msg.expired", "Problem reports and rejections"],
  ])("lists a page about errors first in a search for the code %s", async (code, title) => {
    const { opened } = await open("/", "light");
    await opened.page.keyboard.press("Control+k");
    await opened.page.locator("input[type=search]").fill(code);
    const results = opened.page.locator(".VPLocalSearchBox .results > li");
    await results.getByText(title).first().waitFor();
    await expect.poll(() => results.first().innerText()).toMatch(/Errors|Problem reports/);
    await opened.close();
  });

  it.each(["light", "dark"] as const)("finds an error code by search, without accessibility problems: %s", async (scheme) => {
    const { opened } = await open("/", scheme);
    await opened.page.keyboard.press("Control+k");
    await opened.page.locator("input[type=search]").fill("join_timeout");
    await opened.page.locator(".VPLocalSearchBox .results").getByText("Errors of channels").first().waitFor();
    expect(await opened.violations()).toEqual([]);
    await picture(opened, `search-${scheme}`);
    expect(opened.errors).toEqual([]);
    await opened.close();
  });
});
