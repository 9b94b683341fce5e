import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Policy } from "@parley/layr8-node";
import { describeUnless, freePort } from "@parley/test-assertions";
import { Client } from "layr8";
import { type Browser, chromium, type Locator } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildConsole, findBrowser, OpenedPage, Stack } from "../src/index.ts";

const TASK = "https://example.com/task/1.0";
const [WORKER, BOSS] = ["did:web:localhost:worker", "did:web:localhost:boss"];
const found = findBrowser();

beforeAll(buildConsole);

interface Acted {
  readonly outcome: string;
  readonly by: string;
}

describeUnless(found.missing, "a console that may act", () => {
  let browser: Browser;
  let stack: Stack;
  let directory: string;
  let policies: readonly Policy[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "parley-acting-"));
    stack = await Stack.start(
      {
        dataDir: join(directory, "node"),
        apiKeys: [{ key: "a-key-of-the-configuration", dids: "any", name: "configured" }],
        deadLetters: true,
        resolution: { hosts: { "partner.localhost": `http://127.0.0.1:${await freePort()}` } },
        readPolicies: () => Promise.resolve(policies),
      },
      { dataDir: join(directory, "skytale") },
    );
    browser = await chromium.launch({ executablePath: found.path ?? "" });
  });

  afterAll(async () => {
    await browser?.close();
    await stack?.[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  function client(agentDid: string, apiKey = "a-key-of-the-configuration"): Client {
    return new Client({ nodeUrl: stack.node.url, apiKey, agentDid }, () => undefined);
  }

  /** An agent that is away, with a waiting message and a dead letter. */
  async function awayWith(did: string): Promise<void> {
    const agent = client(did);
    agent.handle(`${TASK}/do`, () => undefined);
    await agent.connect();
    await agent.close();
    const boss = client(`${BOSS}-of-${did.split(":").at(-1)}`);
    await boss.connect();
    await boss.send({ id: `late for ${did}`, type: `${TASK}/late`, to: did, body: {}, expiresTime: Math.ceil(Date.now() / 1000) + 2 });
    await boss.send({ id: `for ${did}`, type: `${TASK}/do`, to: did, body: { text: "waits" } });
    await expect
      .poll(async () => (await stack.read<{ deadLetters: unknown[] }>(`read/node/dead-letters?did=${did}`)).deadLetters)
      .toHaveLength(1);
    await boss.close();
  }

  const inboxOf = async (did: string): Promise<readonly string[]> =>
    ((await stack.read<{ inbox?: { id: string }[] }>(`read/node/agent?did=${did}`)).inbox ?? []).map(({ id }) => id);
  const lettersOf = async (did: string): Promise<number> =>
    (await stack.read<{ deadLetters: unknown[] }>(`read/node/dead-letters?did=${did}`)).deadLetters.length;
  const acted = async (): Promise<readonly string[]> =>
    (await stack.read<Acted[]>("events?limit=1000&filter=kind:acted")).map(({ outcome }) => outcome);

  /** Presses a button, reads the question, and confirms it. */
  async function confirm(opened: OpenedPage, button: Locator, question: string, ...lost: readonly (string | RegExp)[]): Promise<void> {
    const label = await button.innerText();
    await button.click();
    const dialog = opened.page.getByRole("dialog", { name: question });
    await dialog.waitFor();
    for (const text of lost) await dialog.getByText(text).first().waitFor();
    await dialog.getByRole("button", { name: label, exact: true }).click();
    await dialog.waitFor({ state: "hidden" });
  }

  it("creates an API key that works, shows it once, sends only its hash, and revokes it", async () => {
    const opened = await OpenedPage.open(browser, stack.admin.url);
    const { page } = opened;
    const sent: string[] = [];
    page.on("request", (request) => sent.push(`${request.url()} ${request.postData() ?? ""}`));
    await opened.show("keys");
    await page.getByText("Create an API key of the node").click();
    await page.getByLabel("Name of the node key").fill("night jobs");
    await page.getByLabel("DIDs that it may use").fill(WORKER);
    await confirm(opened, page.getByRole("button", { name: "Create key" }).first(), `Create an API key for ${WORKER}?`, "shows it once");
    const shown = page.getByRole("status", { name: "The new key night jobs" });
    const key = await shown.locator("code").innerText();
    expect(key).toMatch(/^l8_[\w-]{43}$/);
    expect(sent.some((request) => request.includes("create-key"))).toBe(true);
    expect(sent.join("\n")).not.toContain(key);
    const agent = client(WORKER, key);
    await agent.connect();

    await shown.getByRole("button", { name: "Hide the key" }).click();
    await shown.waitFor({ state: "hidden" });
    expect(await page.content()).not.toContain(key);

    const row = page.getByRole("row").filter({ hasText: "night jobs" });
    await row.getByText(/● 1/).waitFor();
    const lost = new Promise<void>((resolve) => agent.onDisconnect(() => resolve()));
    await confirm(opened, row.getByRole("button", { name: "Revoke" }), "Revoke the API key night jobs?", "1 connection of it");
    await lost;
    await row.waitFor({ state: "detached" });
    await agent.close();
    await expect(client(WORKER, key).connect()).rejects.toThrow(/key|refused|unauthorized/i);
    expect(opened.errors).toEqual([]);
    await opened.close();
  });

  it("creates an API key of an account, and deletes the account with the channels that it names", async () => {
    const account = await stack.skytale.createAccount({ email: "team@example.com", name: "the team" });
    const opened = await OpenedPage.open(browser, stack.admin.url);
    const { page } = opened;
    await opened.show("keys");
    const card = page.getByRole("region", { name: "Account the team" });
    await card.getByText("Create an API key of the team").click();
    await card.getByLabel("Name of the key of the team").fill("second");
    await confirm(opened, card.getByRole("button", { name: "Create key" }), "Create an API key of the team?", "shows it once");
    const key = await card.getByRole("status", { name: "The new key second" }).locator("code").innerText();
    const manager = stack.manager("carol", { apiKey: key });
    await manager.create("team/plans/one");
    await confirm(
      opened,
      card.getByRole("button", { name: "Delete account" }),
      "Delete the account the team?",
      "1 channel with their messages, for all members: team/plans/one",
      /second/,
    );
    await card.waitFor({ state: "detached" });
    const { accounts } = await stack.read<{ accounts: { id: string }[] }>("read/skytale/accounts");
    expect(accounts.map(({ id }) => id)).not.toContain(account.id);
    expect(JSON.stringify(await stack.read("read/skytale/channels"))).not.toContain("team/plans/one");
    await opened.close();
  });

  it("reloads policies, replaces node.key and server.key, and backs up, on one screen", async () => {
    const opened = await OpenedPage.open(browser, stack.admin.url);
    const { page } = opened;
    await opened.show("maintenance");
    const node = page.getByRole("region", { name: "layr8 node" });
    policies = [{ did: WORKER, deny: [BOSS] }];
    await confirm(opened, node.getByRole("button", { name: "Reload policies" }), "Put the policies", "stay in force");
    await node.getByText("1 policy is in force").waitFor();
    const passage = await stack.read<object>(`read/node/passage?from=${BOSS}&to=${WORKER}&type=${TASK}/do`);
    expect(JSON.stringify(passage)).toContain("denies");

    const files = { node: join(directory, "node", "node.key"), skytale: join(directory, "skytale", "server.key") };
    const before = await Promise.all([readFile(files.node), readFile(files.skytale)]);
    await confirm(opened, node.getByRole("button", { name: "Replace node.key" }), "Replace node.key?", "Earlier backups need");
    await node.getByText("node.key is replaced").waitFor();
    const server = page.getByRole("region", { name: "skytale server" });
    await confirm(opened, server.getByRole("button", { name: "Replace server.key" }), "Replace server.key?");
    await server.getByText("server.key is replaced").waitFor();
    expect(await readFile(files.node)).not.toEqual(before[0]);
    expect(await readFile(files.skytale)).not.toEqual(before[1]);

    const target = join(directory, "backup");
    await page.getByLabel("Directory for the layr8 node").fill(target);
    await confirm(opened, node.getByRole("button", { name: "Back up" }), `Back up the layr8 node to ${target}?`, "like a password");
    await node.getByText(`Backed up to ${target}`).waitFor();
    expect(await readdir(target)).toEqual(expect.arrayContaining(["backup.json", "node.key", "node.mdb"]));

    // A failure is shown where it was asked for, and changes nothing.
    await node.getByRole("button", { name: "Back up" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Back up" }).click();
    await dialog.getByRole("alert").waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    expect(await acted()).toEqual(expect.arrayContaining(["reload-policies", "rotate-node-key", "rotate-server-key", "backup"]));
    await opened.close();
  });

  it("acts on a message from Messages, on dead letters from Problems, and deletes an agent from the list", async () => {
    await awayWith(WORKER);
    const opened = await OpenedPage.open(browser, stack.admin.url);
    const { page } = opened;
    await opened.show(`messages?filter=${encodeURIComponent(`to:${WORKER} type:*/late`)}`);
    await page.getByRole("button", { name: "Act on task/1.0/late" }).first().click();
    const message = page.getByRole("dialog", { name: "task/1.0/late" });
    await message.getByText("dead letter").waitFor();
    await confirm(opened, message.getByRole("button", { name: "Replay" }), `Send task/1.0/late to ${WORKER} again?`);
    await message.getByText("waits").waitFor();
    expect(await inboxOf(WORKER)).toEqual([`for ${WORKER}`, `late for ${WORKER}`]);
    expect(await lettersOf(WORKER)).toBe(0);
    await confirm(
      opened,
      message.getByRole("button", { name: "Purge" }),
      `Remove task/1.0/late from the inbox of ${WORKER}?`,
      "Its sender gets no report",
    );
    await message.getByText("It no longer waits in this node").waitFor();
    expect(await inboxOf(WORKER)).toEqual([`for ${WORKER}`]);
    await message.getByRole("button", { name: "Close" }).click();

    const other = `${WORKER}-2`;
    await awayWith(other);
    await opened.show("problems");
    const letter = page.getByRole("row").filter({ hasText: "task/1.0/late" });
    await confirm(opened, letter.getByRole("button", { name: "Purge" }), "Remove the dead letter", `from ${BOSS}-of-worker-2`);
    await letter.waitFor({ state: "detached" });
    expect(await lettersOf(other)).toBe(0);

    await opened.show("agents");
    const row = page.getByRole("row").filter({ has: page.getByRole("link", { name: other, exact: true }) });
    await confirm(
      opened,
      row.getByRole("button", { name: "Delete" }),
      `Delete ${other}?`,
      `1 waiting message from ${BOSS}-of-worker-2`,
      "private keys",
    );
    await row.waitFor({ state: "detached" });
    expect(await stack.read(`read/node/agent?did=${other}`)).toMatchObject({ isHosted: false });
    expect(await acted()).toEqual(expect.arrayContaining(["replay-dead-letter", "purge-message", "purge-dead-letter", "delete-agent"]));
    expect(opened.errors).toEqual([]);
    await opened.close();
  });

  it("purges messages for another node, whose sender gets a problem report for each", async () => {
    const [sender, shop] = ["did:web:localhost:buyer", "did:web:partner.localhost:shop"];
    const buyer = client(sender);
    await buyer.connect();
    const asked = (): Promise<string> =>
      buyer.request({ type: `${TASK}/order`, to: shop, body: {} }, { timeoutMs: 240_000 }).then(
        () => "answered",
        (error: unknown) => `${(error as { code: string }).code} ${(error as Error).message}`,
      );
    const orders = [asked(), asked(), asked()];
    const opened = await OpenedPage.open(browser, stack.admin.url);
    const { page } = opened;
    await opened.show("federation");
    const row = page.getByRole("row").filter({ hasText: shop });
    await row.getByRole("button", { name: "3", exact: true }).click();
    const list = page.getByRole("dialog", { name: "Messages that wait for another node" });
    const purge = list.getByRole("button", { name: "Purge" });
    await expect.poll(() => purge.count()).toBe(3);
    await confirm(opened, purge.last(), `Remove task/1.0/order for ${shop}?`, "gets a problem report");
    await expect.poll(() => purge.count()).toBe(2);
    await opened.screenshot("outbound-light");
    expect(await opened.violations()).toEqual([]);
    await list.getByRole("button", { name: "Close" }).click();
    await confirm(
      opened,
      row.getByRole("button", { name: "Purge all" }),
      `Remove all messages for ${shop}?`,
      "gets a problem report for each",
    );
    await row.waitFor({ state: "detached" });
    for (const outcome of await Promise.all(orders))
      expect(outcome).toMatch(/^e\.p\.xfer\.undeliverable .*An operator of this node removed/);
    await expect.poll(() => stack.read("read/node/federation")).toMatchObject({ messages: 0 });
    // A purged message is not kept as a dead letter.
    expect(await lettersOf(sender)).toBe(0);
    await buyer.close();
    await opened.close();
  });

  it("changes nothing when a question is not confirmed", async () => {
    const opened = await OpenedPage.open(browser, stack.admin.url);
    const { page } = opened;
    const before = await acted();
    await opened.show("maintenance");
    for (const leave of ["Enter", "Escape"]) {
      await page.getByRole("button", { name: "Replace node.key" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).and(page.locator(":focus")).waitFor();
      await page.keyboard.press(leave);
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      await page.getByRole("button", { name: "Replace node.key" }).and(page.locator(":focus")).waitFor();
    }
    expect(await acted()).toEqual(before);
    await opened.close();
  });

  it.each(["light", "dark"] as const)("asks accessibly, with %s colours", async (scheme) => {
    await awayWith(`${WORKER}-${scheme}`);
    const opened = await OpenedPage.open(browser, stack.admin.url, scheme);
    const { page } = opened;
    const look = async (name: string): Promise<void> => {
      await opened.screenshot(`${name}-${scheme}`);
      expect(await opened.violations(), name).toEqual([]);
    };
    await opened.show("maintenance");
    await page.getByRole("button", { name: "Replace node.key" }).waitFor();
    await look("maintenance");
    await page.getByRole("button", { name: "Replace node.key" }).click();
    await page.getByRole("dialog").waitFor();
    await look("confirm");
    await page.keyboard.press("Escape");
    await opened.show("keys");
    await page.getByText("Create an API key of the node").click();
    await page.getByLabel("Any DID").check();
    await confirm(opened, page.getByRole("button", { name: "Create key" }).first(), "Create an API key for any DID?");
    await page.getByRole("status", { name: "The new key" }).waitFor();
    await look("new-key");
    await opened.show("agents");
    const row = page.getByRole("row").filter({ has: page.getByRole("link", { name: `${WORKER}-${scheme}`, exact: true }) });
    await row.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByText("1 dead letter").waitFor();
    await look("delete-agent");
    await page.setViewportSize({ width: 390, height: 844 });
    await opened.screenshot(`delete-agent-narrow-${scheme}`);
    await page.setViewportSize({ width: 1280, height: 860 });
    await page.keyboard.press("Escape");
    await opened.show(`messages?filter=${encodeURIComponent(`to:${WORKER}-${scheme} type:*/do`)}`);
    await page.getByRole("button", { name: "Act on" }).first().click();
    await page.getByRole("dialog").getByRole("button", { name: "Purge" }).waitFor();
    await look("act-on-message");
    expect(opened.errors).toEqual([]);
    await opened.close();
  });
});

describeUnless(found.missing, "a console that only reads", () => {
  it("shows no button that changes a server", async () => {
    await using stack = await Stack.start({ deadLetters: true }, { actions: false });
    const worker = stack.agent(WORKER);
    worker.handle(`${TASK}/do`, () => undefined);
    await worker.connect();
    await worker.close();
    const boss = stack.agent(BOSS);
    await boss.connect();
    await boss.send({ type: `${TASK}/do`, to: WORKER, body: {} });
    const manager = stack.manager("carol");
    await manager.create("acme/team/general");
    const browser = await chromium.launch({ executablePath: found.path ?? "" });
    try {
      const opened = await OpenedPage.open(browser, stack.admin.url);
      const main = opened.page.locator("main");
      await opened.page.getByText("reads only").waitFor();
      for (const [place, text] of [
        [`agent/${encodeURIComponent(WORKER)}`, "task/1.0/do"],
        ["agents", WORKER],
        ["messages", "accepted"],
        ["problems", "Dead letters"],
        ["keys", "operator@localhost"],
        ["channel/acme%2Fteam%2Fgeneral", "Entries kept"],
        ["federation", "No message has gone"],
        ["maintenance", "do not have it"],
      ] as const) {
        await opened.show(place);
        await main.getByText(text).first().waitFor();
        const names = await main.getByRole("button").allInnerTexts();
        const acting = names.filter((name) => /delete|purge|replay|redeliver|revoke|create|replace|back up|reload|act/i.test(name));
        expect(acting, place).toEqual([]);
      }
      await opened.close();
    } finally {
      await browser.close();
    }
  });
});
