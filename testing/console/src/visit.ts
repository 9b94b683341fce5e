import type { Browser, Locator } from "playwright-core";
import { OpenedPage } from "./opened-page.ts";

const MAX_CLICKS = 3;

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
    await this.#click(this.opened.page.getByRole("navigation").getByRole("link", { name, exact: true }));
  }

  /** Clicks on a link of the page. */
  async clickLink(name: string | RegExp): Promise<void> {
    await this.#click(this.main.getByRole("link", { name }).first());
  }

  /** Waits until the page has a text. */
  async read(...texts: readonly (string | RegExp)[]): Promise<void> {
    for (const text of texts) await this.main.getByText(text).first().waitFor();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened.close();
  }

  async #click(target: Locator): Promise<void> {
    if (++this.#clicks > MAX_CLICKS) throw new Error(`More than ${MAX_CLICKS} clicks`);
    await target.click();
  }
}
