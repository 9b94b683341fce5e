import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SCREENSHOTS = fileURLToPath(new URL("../../../.cache/console", import.meta.url));

/** A violation of an accessibility rule. */
interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** All rules, in light and in dark: style sheets may hide or move something in one of them only. */
const AXE_OPTIONS = { resultTypes: ["violations"] };

/** A tab with the console, whose errors are collected. */
export class OpenedPage {
  readonly page: Page;
  /** Errors of scripts, and what the content security policy has refused. */
  readonly errors: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) this.errors.push(message.text());
    });
  }

  /** Opens an address. The content security policy is in force. */
  static async open(browser: Browser, url: string, colorScheme: "light" | "dark" = "light"): Promise<OpenedPage> {
    const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 860 }, reducedMotion: "reduce" });
    const opened = new OpenedPage(await context.newPage());
    await opened.page.goto(url);
    return opened;
  }

  /** Goes to a screen. */
  async show(place: string): Promise<void> {
    await this.page.evaluate(`location.hash = ${JSON.stringify(`#/${place}`)}`);
    await this.page.locator("main h1").waitFor();
  }

  /** What axe finds, as text; empty if it finds nothing. It runs outside of the page's own scripts, so the policy stays in force. */
  async violations(): Promise<readonly string[]> {
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate(async (options) => {
      const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } };
      return (await axe.run(options)).violations;
    }, AXE_OPTIONS);
    return found.flatMap(({ id, help, nodes }) =>
      nodes.slice(0, 3).map(({ html, failureSummary }) => `${id}: ${help}: ${html}: ${failureSummary ?? ""}`),
    );
  }

  /** Writes a picture to `.cache/console`, for people to look at. */
  async screenshot(name: string): Promise<void> {
    await mkdir(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
