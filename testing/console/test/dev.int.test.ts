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

  async function read<T>(path: string): Promise<T> {
    const { origin, hash } = new URL(ready.console);
    const response = await fetch(`${origin}/api/${path}`, { headers: { authorization: `Bearer ${hash.replace("#token=", "")}` } });
    return (await response.json()) as T;
  }

  function readAgent(did: string): Promise<{ readonly isConnected: boolean; readonly waiting: number }> {
    return read(`read/node/agent?did=${encodeURIComponent(did)}`);
  }

  /** How many agents pages have stopped. */
  async function stops(): Promise<number> {
    return (await read<{ outcome: string }[]>("events?limit=1000&filter=kind:acted")).filter(({ outcome }) => outcome === "stop-listening")
      .length;
  }

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
    await page.getByLabel("Type", { exact: true }).fill("https://example.com/unknown/1.0/request");
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

  it.each(["light", "dark"] as const)(
    "waits for messages as an agent, answers them, and leaves when the page is closed, with %s colours",
    async (scheme) => {
      const waiting = `did:web:localhost:waiting-${scheme}`;
      const opened = await OpenedPage.open(browser, ready.console, scheme);
      const { page } = opened;
      const main = page.locator("main");
      await opened.show("try");
      await page.getByLabel("Wait as").fill(waiting);
      await page.getByLabel("Answer requests").selectOption("with this body");
      await page.getByLabel("Body of the answer").fill("{");
      await page.getByRole("button", { name: "Start waiting", disabled: true }).waitFor();
      await page.getByLabel("Body of the answer").fill('{ "price": 3 }');
      await page.getByRole("button", { name: "Start waiting" }).click();
      await main.getByText("Nothing has arrived yet").waitFor();

      const order = { type: "https://orders.example/orders/1.0/request", to: waiting, body: { item: `a lamp in ${scheme}` } };
      const answer = await bob.request(order, { timeoutMs: 120_000 });
      expect(answer).toMatchObject({ from: waiting, type: "https://orders.example/orders/1.0/response", body: { price: 3 } });
      const card = page.getByRole("region", { name: "received orders/1.0/request" });
      await card.getByText(/answered after \d/).waitFor();
      await card.getByText(`a lamp in ${scheme}`).waitFor();
      await card.getByText('"price": 3').waitFor();
      await card.scrollIntoViewIfNeeded();
      await opened.screenshot(`wait-${scheme}`);
      expect(await opened.violations()).toEqual([]);

      await page.setViewportSize({ width: 390, height: 844 });
      await opened.screenshot(`wait-narrow-${scheme}`);
      await page.setViewportSize({ width: 1280, height: 860 });

      // Another screen, and back: it still waits. Acknowledged messages have left the inbox.
      await opened.show("agents");
      await opened.show("try");
      await card.waitFor();
      // An answer of another agent is shown, and not answered: the request after it is.
      await bob.send({ ...order, type: "https://orders.example/orders/1.0/accepted", threadId: "another-thread" });
      await bob.request({ ...order, body: { item: "a chair" } }, { timeoutMs: 120_000 });
      await main.getByText("a chair").waitFor();
      const shown = page.getByRole("region", { name: "received orders/1.0/accepted" });
      expect(await shown.getByRole("heading").innerText()).toContain("received");
      await expect.poll(async () => (await readAgent(waiting)).waiting).toBe(0);
      expect(opened.errors).toEqual([]);
      // A page that is left stops its agent; for one whose browser is killed, the server does.
      const isLeft = scheme === "light";
      const before = await stops();
      await (isLeft ? page.goto("about:blank") : opened.close());
      await expect.poll(stops).toBe(before + Number(isLeft));
      await opened.close();
      await expect.poll(async () => (await readAgent(waiting)).isConnected, { timeout: 120_000 }).toBe(false);
    },
  );

  it("stops waiting by its button, and shows why it can't begin", async () => {
    const waiting = "did:web:localhost:stopping";
    const opened = await OpenedPage.open(browser, ready.console);
    const { page } = opened;
    await opened.show("try");
    await page.getByLabel("Wait as").fill("not a DID");
    await page.getByRole("button", { name: "Start waiting" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Wait as").fill(waiting);
    await page.getByLabel("Message types").fill(`${ECHO}/request`);
    await page.getByRole("button", { name: "Start waiting" }).click();
    const stop = page.getByRole("button", { name: "Stop waiting" });
    await stop.waitFor();
    const answer = await bob.request({ type: `${ECHO}/request`, to: waiting, body: { text: "back" } }, { timeoutMs: 120_000 });
    expect(answer.body).toEqual({ text: "back" });
    await stop.click();
    await page.getByRole("button", { name: "Start waiting" }).waitFor();
    await expect.poll(async () => (await readAgent(waiting)).isConnected).toBe(false);
    await page.getByRole("region", { name: "received echo/1.0/request" }).waitFor();
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
