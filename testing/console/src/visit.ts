import type { Browser, Locator } from "playwright-core";
import { OpenedPage } from "./opened-page.ts";

const MAX_CLICKS = 3;
const WAIT_MS = 60_000;

/** A user who opens the console and looks for the cause of a failure, with three clicks at most. */
export class Visit implements AsyncDisposable {
  readonly opened: OpenedPage;
  #clicks = 0;

  private constructor(opened: OpenedPage) {
    this.opened = opened;
  }

  /** Opens the address that the server printed, which shows the overview. */
  static async start(browser: Browser, url: string): Promise<Visit> {
    const opened = await OpenedPage.open(browser, url);
    await opened.page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    return new Visit(opened);
  }

  /** The part of the page beside the menu. */
  get main(): Locator {
    return this.opened.page.locator("main");
  }

  /** Clicks on a screen in the menu. */
  async clickMenu(name: string): Promise<void> {
    await this.click(this.opened.page.getByRole("navigation").getByRole("link", { name, exact: true }));
  }

  /** Clicks on a link of the page. */
  async clickLink(name: string | RegExp): Promise<void> {
    await this.click(this.main.getByRole("link", { name }).first());
  }

  /** Waits for texts on the page. Returns those that did not appear. */
  async missing(...texts: readonly string[]): Promise<readonly string[]> {
    const absent: string[] = [];
    for (const text of texts) {
      const appears = this.main.getByText(text).first().waitFor({ timeout: WAIT_MS });
      await appears.catch(() => absent.push(text));
    }
    return absent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened.close();
  }

  /** Clicks on anything. @throws Error after three clicks */
  async click(target: Locator): Promise<void> {
    if (++this.#clicks > MAX_CLICKS) throw new Error(`More than ${MAX_CLICKS} clicks`);
    await target.click();
  }
}
