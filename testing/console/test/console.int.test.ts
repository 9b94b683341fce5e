import { readdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { CONSOLE_FILES } from "@parley/console";
import { Envelope, Protocol } from "@parley/envelope-and-adapters";
import { createMemoryChannels } from "@parley/envelope-and-adapters/memory";
import { describeUnless } from "@parley/test-assertions";
import type { Client } from "layr8";
import { type Browser, chromium } from "playwright-core";
import { ProtocolBridge } from "skytale";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { buildConsole, findBrowser, OpenedPage, Stack } from "../src/index.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const CHANNEL = "acme/team/general";
const SECRET_TEXT = "a sentence that only members of the channel know";
const found = findBrowser();

beforeAll(buildConsole);

describe("bundle", () => {
  it("has at most 90 kB of JavaScript and 10 kB of styles, gzipped", () => {
    const sizeOf = (extension: string): number =>
      readdirSync(CONSOLE_FILES)
        .filter((name) => name.endsWith(extension))
        .reduce((sum, name) => sum + gzipSync(readFileSync(join(CONSOLE_FILES, name))).length, 0);
    expect(sizeOf(".js")).toBeLessThan(90_000);
    expect(sizeOf(".css")).toBeLessThan(10_000);
  });
});

describeUnless(found.missing, "the console in Chromium", () => {
  let browser: Browser;
  let stack: Stack;
  let bridge: ProtocolBridge;
  let thread = "";

  beforeAll(async () => {
    stack = await Stack.start({ policies: [{ did: "did:web:localhost:bob", deny: ["did:web:localhost:mallory"] }] });
    browser = await chromium.launch({ executablePath: found.path ?? "" });
    await Promise.all([exchangeMessages(), useChannel(), startBridge()]);
  });

  afterAll(async () => {
    await browser?.close();
    await bridge?.stop();
    await stack?.[Symbol.asyncDispose]();
  });

  /** Agents that exchange messages, some of which fail. */
  async function exchangeMessages(): Promise<void> {
    const connect = async (name: string, prepare: (agent: Client) => void = () => undefined): Promise<Client> => {
      const agent = stack.agent(`did:web:localhost:${name}`);
      prepare(agent);
      await agent.connect();
      return agent;
    };
    await connect("bob", (bob) => bob.handle(`${ECHO}/request`, ({ body }) => ({ type: `${ECHO}/response`, body })));
    const alice = await connect("alice");
    for (let turn = 0; turn < 5; turn++) {
      await alice.request({ type: `${ECHO}/request`, to: "did:web:localhost:bob", body: { text: `request ${turn}` } });
    }
    const mallory = await connect("mallory");
    const refused = { type: `${ECHO}/request`, to: "did:web:localhost:bob", body: {} };
    await expect(mallory.request(refused)).rejects.toThrow("unauthorized");
    await expect(
      alice.request({ type: "https://orders.example/orders/1.0/request", to: "did:web:localhost:bob", body: {} }),
    ).rejects.toThrow("no handler");
    await expect(alice.send({ type: `${ECHO}/request`, to: "did:web:localhost:nobody", body: {} })).rejects.toThrow("unknown recipient");
    const away = await connect("away", (agent) => agent.handle(`${ECHO}/request`, () => undefined));
    await away.close();
    for (let turn = 0; turn < 3; turn++) await alice.send({ type: `${ECHO}/request`, to: "did:web:localhost:away", body: { turn } });
    const accepted = await stack.read<{ thread: string }[]>("events?filter=kind:settled+type:/response");
    thread = accepted[0]?.thread ?? "";
  }

  /** A channel with two members, both with a lens. */
  async function useChannel(): Promise<void> {
    const [carol, dave] = [stack.manager("carol"), stack.manager("dave")];
    await carol.create(CHANNEL);
    await dave.joinWithToken(CHANNEL, await carol.invite(CHANNEL), { timeoutMs: 120_000 });
    await carol.send(CHANNEL, SECRET_TEXT);
    expect(await dave.receive(CHANNEL, { timeoutMs: 120_000 })).toContain(SECRET_TEXT);
  }

  /** A bridge that has translated one message and refused another. */
  async function startBridge(): Promise<void> {
    const [sender, owner] = createMemoryChannels(["sender", "bridge"]);
    if (sender === undefined || owner === undefined) return;
    for (const name of ["acme/a2a/in", "acme/slim/out"]) await owner.create(name);
    bridge = new ProtocolBridge(owner, { lens: stack.lenses, agent: "bridge" });
    const running = await bridge.bridge("acme/a2a/in", "acme/slim/out", Protocol.A2A, Protocol.SLIM);
    const port = await sender.join("acme/a2a/in", new Uint8Array());
    const message = { messageId: "m1", role: "ROLE_USER", parts: [{ text: "hello" }] };
    for (const payload of [JSON.stringify(message), "not a message"]) {
      await port.send(new Envelope(Protocol.A2A, "application/json", new TextEncoder().encode(payload)));
    }
    await vi.waitFor(() => expect(running).toMatchObject({ pending: 0, counters: { received: 2, forwarded: 1, refused: 1 } }), 120_000);
  }

  /** Every screen, and a text that it must show. */
  const SCREENS: readonly (readonly [name: string, place: () => string, expected: string | RegExp])[] = [
    ["overview", () => "overview", "no agent of it is connected"],
    ["messages", () => "messages", /accepted/],
    ["messages-filtered", () => "messages?filter=state%3Arefused", "no handler for protocol"],
    ["problems", () => "problems", "Register a handler for the type"],
    ["agents", () => "agents", "did:web:localhost:bob"],
    ["agent", () => "agent/did%3Aweb%3Alocalhost%3Aaway", "3 messages for it until an agent joins"],
    ["thread", () => `thread/${encodeURIComponent(thread)}`, "Every message of the thread was acknowledged."],
    [
      "passage",
      () => `passage?from=did:web:localhost:mallory&to=did:web:localhost:bob&type=${encodeURIComponent(`${ECHO}/request`)}`,
      "It would stop at Policy 1 (for did:web:localhost:bob): it denies the sender",
    ],
    ["federation", () => "federation/did%3Aweb%3Alocalhost%3Abob", "This node hosts it."],
    ["holders", () => "credentials", "The DIDs of this node"],
    ["credentials", () => "credentials/did%3Aweb%3Alocalhost%3Abob", "The node stores no credential of this DID."],
    ["channels", () => "channels", "acme/team/general"],
    ["channel", () => "channel/acme%2Fteam%2Fgeneral", "The relay stores ciphertext."],
    ["invites", () => "invites/acme%2Fteam%2Fgeneral", "1 of 1"],
    ["members", () => "members", "All 2 lenses are in epoch"],
    ["members-channel", () => "members/acme%2Fteam%2Fgeneral", "Latest commits"],
    ["unread", () => "unread", "Every entry since the agents started was read"],
    ["bridges", () => "bridges", "Translated"],
    ["limits", () => "limits", "maxInboxMessages"],
    ["keys", () => "keys", "operator@localhost"],
    ["maintenance", () => "maintenance", "Replace node.key"],
    ["sessions", () => "sessions", "Save this session"],
  ];

  it.each(["light", "dark"] as const)(
    "answers the question of every screen, accessibly, with %s colours",
    { timeout: 240_000 },
    async (scheme) => {
      const opened = await OpenedPage.open(browser, stack.admin.url, scheme);
      await opened.page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
      await opened.page.waitForURL(({ hash }) => !hash.includes("token"));
      for (const [name, place, expected] of SCREENS) {
        await opened.show(place());
        await opened.page.locator("main").getByText(expected).first().waitFor();
        await opened.screenshot(`${name}-${scheme}`);
        expect(await opened.violations(), `${name} ${scheme}`).toEqual([]);
      }
      expect(opened.errors).toEqual([]);
      await opened.close();
    },
  );

  it("goes to agents and screens by the command palette and by keys", async () => {
    const opened = await OpenedPage.open(browser, stack.admin.url);
    const { page } = opened;
    const title = (name: string): Promise<void> => page.getByRole("heading", { level: 1, name }).waitFor();
    const focusedTitle = (name: string): Promise<void> => page.locator("h1:focus", { hasText: name }).waitFor();
    await title("Overview");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Screen, agent" }).fill("localhost:away");
    await page.keyboard.press("Enter");
    await focusedTitle("Agent");
    await page.getByText("3 messages for it until an agent joins").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("e");
    await focusedTitle("Members and epochs");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).getByText("Members and epochs").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await page.keyboard.press("g");
    await page.keyboard.press("m");
    await focusedTitle("Messages");
    await page.keyboard.press("/");
    await page.locator("main input:focus").waitFor();
    await page.keyboard.type("state:ref", { delay: 290 });
    await page.waitForURL(/filter=state%3Aref/);
    await page.keyboard.type("used");
    await page.waitForURL(/filter=state%3Arefused/);
    expect(opened.errors).toEqual([]);
    await opened.close();
  });

  it("saves a session, opens it without a server, and shows what has changed since", async () => {
    const opened = await OpenedPage.open(browser, stack.admin.url);
    const { page } = opened;
    await opened.show("sessions");
    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save this session" }).click();
    const path = stack.path("one.parley.jsonl");
    await (await downloading).saveAs(path);
    const text = await readFile(path, "utf8");
    for (const secret of [stack.node.apiKey, stack.skytale.apiKey, SECRET_TEXT].map(String)) expect(text).not.toContain(secret);
    const other = stack.path("other.parley.jsonl");
    await writeFile(other, text.replaceAll('"waiting":3', '"waiting":1'));

    await page.getByLabel("Before").setInputFiles(path);
    await page.getByLabel("After").setInputFiles(other);
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByRole("row").filter({ hasText: "did:web:localhost:away" }).filter({ hasText: "waiting" }).first().waitFor();

    // Its address has no token, and the page asks no server.
    await page.evaluate("sessionStorage.clear()");
    await page.goto(new URL("/#/sessions", stack.admin.url).href);
    await page.reload();
    await page.getByLabel("Session to open").setInputFiles(path);
    await page.getByText("This is the saved session one.parley.jsonl").waitFor();
    for (const [place, expected] of [
      ["agents", "did:web:localhost:away"],
      ["members", "All 2 lenses are in epoch"],
      ["bridges", "Translated"],
      ["problems", "Register a handler for the type"],
    ] as const) {
      await opened.show(place);
      await page.locator("main").getByText(expected).first().waitFor();
    }
    expect(opened.errors).toEqual([]);
    await opened.close();
  });

  it("fits into a narrow window: only tables and pictures scroll sideways", async () => {
    const opened = await OpenedPage.open(browser, stack.admin.url);
    await opened.page.setViewportSize({ width: 390, height: 844 });
    for (const [name, place, expected] of SCREENS) {
      await opened.show(place());
      await opened.page.locator("main").getByText(expected).first().waitFor();
      await opened.screenshot(`${name}-narrow`);
      const overflow = (): Promise<number> =>
        opened.page.evaluate("document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth");
      await expect.poll(overflow, { message: name, timeout: 30_000 }).toBeLessThanOrEqual(0);
    }
    await opened.close();
  });

  it("sends no key, no token and no plaintext of a channel, whatever is asked", async () => {
    const [, token = ""] = stack.admin.url.split("#token=");
    const headers = { authorization: `Bearer ${token}` };
    const answer = async (path: string): Promise<string> => (await fetch(new URL(`/api/${path}`, stack.admin.url), { headers })).text();
    const { sources } = await stack.read<{ sources: { name: string; reads: string[] }[] }>("info");
    const about = `did=did:web:localhost:bob&name=${CHANNEL}&channel=${CHANNEL}`;
    const reads = sources.flatMap(({ name, reads: names }) => names.map((one) => `read/${name}/${one}?${about}`));
    const paths = ["info", "events?limit=1000", "problems", "samples", "codes", ...reads];
    const sent = (await Promise.all(paths.map(answer))).join("\n");
    expect(sent).toContain("did:web:localhost:bob");
    for (const secret of [stack.node.apiKey, stack.skytale.apiKey, token, SECRET_TEXT].map(String)) expect(sent).not.toContain(secret);
    expect(sent).not.toMatch(/"d":|PRIVATE KEY|\bl8_|eyJhbGciOi/);
  });
});
