import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describeUnless } from "@parley/test-assertions";
import { Client } from "layr8";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildConsole, findBrowser, OpenedPage } from "../src/index.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const BOB = "did:web:localhost:bob";
const PARLEY = fileURLToPath(new URL("../../../packages/cli/bin/parley.js", import.meta.url));
const found = findBrowser();

interface Ready {
  readonly console: string;
  readonly environment: Readonly<Record<string, string>>;
}

describeUnless(found.missing, "the console of parley dev", () => {
  let browser: Browser;
  let directory: string;
  let child: ChildProcess;
  let ready: Ready;
  let bob: Client;

  beforeAll(async () => {
    buildConsole();
    directory = await mkdtemp(join(tmpdir(), "parley-dev-console-"));
    await mkdir(join(directory, "bin"));
    // The browser that `--open` starts.
    for (const name of ["xdg-open", "open"]) {
      await writeFile(
        join(directory, "bin", name),
        `#!/bin/sh\ncp "$1" "${directory}/opened.tmp" && mv "${directory}/opened.tmp" "${directory}/opened"\n`,
      );
      await chmod(join(directory, "bin", name), 0o755);
    }
    child = spawn(process.execPath, [PARLEY, "dev", "--free-ports", "--memory", "--no-env", "--open", "--json"], {
      cwd: directory,
      env: { PATH: `${join(directory, "bin")}${delimiter}${process.env["PATH"] ?? ""}`, HOME: directory },
      stdio: ["ignore", "pipe", "inherit"],
    });
    ready = await readyOf(child);
    browser = await chromium.launch({ executablePath: found.path ?? "" });
    const { LAYR8_NODE_URL: nodeUrl = "", LAYR8_API_KEY: apiKey = "" } = ready.environment;
    bob = new Client({ nodeUrl, apiKey, agentDid: BOB }, () => undefined);
    bob.handle(`${ECHO}/request`, ({ body }) => ({ type: `${ECHO}/response`, body }));
    await bob.connect();
  });

  afterAll(async () => {
    await browser?.close();
    await bob?.close();
    if (child?.exitCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(directory, { recursive: true, force: true });
  });

  it("is opened by --open, through a file that leads to it", async () => {
    await expect.poll(() => readFile(join(directory, "opened"), "utf8").catch(() => ""), { timeout: 60_000 }).toContain(ready.console);
  });

  it.each(["light", "dark"] as const)("sends a request, shows the answer, and runs the checks, with %s colours", async (scheme) => {
    const opened = await OpenedPage.open(browser, ready.console, scheme);
    const { page } = opened;
    const main = page.locator("main");
    await opened.show(`try?to=${BOB}&type=${encodeURIComponent(`${ECHO}/request`)}`);
    await page.getByLabel("Body").fill('{ "text": ');
    await main.getByText(/JSON/).first().waitFor();
    await page.getByRole("button", { name: "Request", disabled: true }).waitFor();
    await page.getByLabel("Body").fill(`{ "text": "hello in ${scheme}" }`);
    await page.getByRole("button", { name: "Request" }).click();
    await main.locator("pre").getByText(`hello in ${scheme}`).waitFor();
    await page.getByLabel("Type").fill("https://example.com/unknown/1.0/request");
    await page.getByRole("button", { name: "Request" }).click();
    await main.getByText("no handler").first().waitFor();
    await opened.screenshot(`try-${scheme}`);
    expect(await opened.violations()).toEqual([]);
    await main.getByRole("link", { name: "Thread" }).last().click();
    await main.getByText("Every message of the thread was acknowledged.").waitFor();

    await opened.show("doctor");
    await main.getByText("message to oneself through the node").waitFor();
    await main
      .getByText(/^0 failures|^Everything works/)
      .first()
      .waitFor();
    await opened.screenshot(`doctor-${scheme}`);
    expect(await opened.violations()).toEqual([]);
    expect(opened.errors).toEqual([]);
    await opened.close();
  });

  it("reports members of channels whose agents run with its environment", async () => {
    const program = `
      const { SkytaleChannelManager } = await import("skytale");
      const manager = new SkytaleChannelManager({ identity: "frank" });
      await manager.create("acme/team/lens");
    `;
    const agent = spawn(
      process.execPath,
      [PARLEY, "run", "--data", join(directory, ".parley"), "--", process.execPath, "--input-type=module", "--eval", program],
      {
        cwd: import.meta.dirname,
        env: { ...process.env, ...ready.environment, HOME: directory },
        stdio: ["ignore", "inherit", "inherit"],
      },
    );
    const opened = await OpenedPage.open(browser, ready.console);
    await opened.show("members");
    await opened.page.locator("main").getByText("acme/team/lens").waitFor();
    await opened.page.locator("main").getByText("frank").first().waitFor();
    expect(opened.errors).toEqual([]);
    await opened.close();
    // Passed on to the agent.
    agent.kill("SIGTERM");
    await once(agent, "exit");
  });
});

/** The first object that the command prints. @throws Error if it ends before */
async function readyOf({ stdout }: ChildProcess): Promise<Ready> {
  if (stdout === null) throw new TypeError("the command has no output");
  for await (const line of createInterface({ input: stdout })) {
    const event = JSON.parse(line) as Ready & { readonly event: string };
    if (event.event !== "ready") continue;
    stdout.resume();
    return event;
  }
  throw new Error("parley dev has ended");
}
