import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { AdminServer } from "@parley/admin";
import { CONSOLE_FILES } from "@parley/console";
import { type Layr8Node, startNode } from "@parley/layr8-node";
import { type SkytaleServer, startSkytale } from "@parley/skytale-server";
import { describeUnless } from "@parley/test-assertions";
import { Client } from "layr8";
import { type Browser, chromium } from "playwright-core";
import { SkytaleChannelManager } from "skytale";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findBrowser, OpenedPage } from "../src/index.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const SECRET_TEXT = "a sentence that only members of the channel know";
const found = findBrowser();

/** A test doesn't depend on a build. */
function buildConsole(): void {
  execFileSync(process.execPath, [fileURLToPath(new URL("../../../scripts/console.mjs", import.meta.url))]);
}

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
  let admin: AdminServer;
  let node: Layr8Node;
  let skytale: SkytaleServer;
  const agents: Client[] = [];
  const managers: SkytaleChannelManager[] = [];
  let thread = "";
  let bob: Client;

  beforeAll(async () => {
    admin = new AdminServer({ port: 0, files: CONSOLE_FILES, actions: true, bodies: true });
    node = await startNode({
      port: 0,
      logger: false,
      admin,
      policies: [{ did: "did:web:localhost:bob", deny: ["did:web:localhost:mallory"] }],
    });
    skytale = await startSkytale({ port: 0, relayPort: 0, logger: false, admin });
    await admin.listen();
    browser = await chromium.launch({ executablePath: found.path ?? "" });
    await populate();
  });

  afterAll(async () => {
    await browser?.close();
    await Promise.all([...agents.map((agent) => agent.close()), ...managers.map((manager) => manager.close())]);
    await Promise.all([admin?.close(), node?.close(), skytale?.close()]);
  });

  /** Agents that exchange messages, some of which fail, and a channel with a waiting joiner. */
  async function populate(): Promise<void> {
    const connect = async (name: string): Promise<Client> => {
      const agent = new Client({ nodeUrl: node.url, apiKey: node.apiKey, agentDid: `did:web:localhost:${name}` }, () => undefined);
      agents.push(agent);
      return agent;
    };
    bob = await connect("bob");
    bob.handle(`${ECHO}/request`, (message) => ({ type: `${ECHO}/response`, body: message.body }));
    await bob.connect();
    const alice = await connect("alice");
    await alice.connect();
    for (let turn = 0; turn < 5; turn++) {
      await alice.request({ type: `${ECHO}/request`, to: "did:web:localhost:bob", body: { text: `request ${turn}` } });
    }
    const mallory = await connect("mallory");
    await mallory.connect();
    const refused = { type: `${ECHO}/request`, to: "did:web:localhost:bob", body: {} };
    await expect(mallory.request(refused)).rejects.toThrow("unauthorized");
    await expect(
      alice.request({ type: "https://orders.example/orders/1.0/request", to: "did:web:localhost:bob", body: {} }),
    ).rejects.toThrow("no handler");
    await expect(alice.send({ type: `${ECHO}/request`, to: "did:web:localhost:nobody", body: {} })).rejects.toThrow("unknown recipient");
    const away = await connect("away");
    away.handle(`${ECHO}/request`, () => undefined);
    await away.connect();
    await away.close();
    for (let turn = 0; turn < 3; turn++) await alice.send({ type: `${ECHO}/request`, to: "did:web:localhost:away", body: { turn } });
    const accepted = await read<{ thread: string }[]>("events?filter=kind:settled+type:/response");
    thread = accepted[0]?.thread ?? "";

    const config = { endpoint: skytale.relayUrl, apiUrl: skytale.apiUrl, apiKey: skytale.apiKey ?? "" };
    const [carol, dave] = ["carol", "dave"].map(
      (identity) => new SkytaleChannelManager({ ...config, identity, onWarning: () => undefined }),
    );
    if (carol === undefined || dave === undefined) return;
    managers.push(carol, dave);
    await carol.create("acme/team/general");
    const token = await carol.invite("acme/team/general");
    await dave.joinWithToken("acme/team/general", token, { timeoutMs: 60_000 });
    await carol.send("acme/team/general", SECRET_TEXT);
    expect(await dave.receive("acme/team/general", { timeoutMs: 60_000 })).toContain(SECRET_TEXT);
  }

  async function read<T>(path: string): Promise<T> {
    const [, token = ""] = admin.url.split("#token=");
    const response = await fetch(new URL(`/api/${path}`, admin.url), { headers: { authorization: `Bearer ${token}` } });
    return (await response.json()) as T;
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
      "It would stop: it denies the sender",
    ],
    ["federation", () => "federation/did%3Aweb%3Alocalhost%3Abob", "This node hosts it."],
    ["credentials", () => "credentials/did%3Aweb%3Alocalhost%3Abob", "The node stores no credential of this DID."],
    ["channels", () => "channels", "acme/team/general"],
    ["channel", () => "channel/acme%2Fteam%2Fgeneral", "The relay stores ciphertext."],
    ["invites", () => "invites/acme%2Fteam%2Fgeneral", "1 of 1"],
    ["limits", () => "limits", "maxInboxMessages"],
    ["keys", () => "keys", "operator@localhost"],
    ["sessions", () => "sessions", "Save this session"],
  ];

  it.each(["light", "dark"] as const)(
    "answers the question of every screen, accessibly, with %s colours",
    { timeout: 240_000 },
    async (scheme) => {
      const opened = await OpenedPage.open(browser, admin.url, scheme);
      await opened.page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
      expect(opened.page.url()).not.toContain("token");
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

  it("sends no key, no token and no plaintext of a channel, whatever is asked", async () => {
    const [, token = ""] = admin.url.split("#token=");
    const headers = { authorization: `Bearer ${token}` };
    const answer = async (path: string): Promise<string> => (await fetch(new URL(`/api/${path}`, admin.url), { headers })).text();
    const { sources } = await read<{ sources: { name: string; reads: string[] }[] }>("info");
    const about = "did=did:web:localhost:bob&name=acme/team/general&channel=acme/team/general";
    const reads = sources.flatMap(({ name, reads: names }) => names.map((one) => `read/${name}/${one}?${about}`));
    const paths = ["info", "events?limit=1000", "problems", "samples", "codes", ...reads];
    const sent = (await Promise.all(paths.map(answer))).join("\n");
    expect(sent).toContain("did:web:localhost:bob");
    for (const secret of [node.apiKey, skytale.apiKey, token, SECRET_TEXT].map(String)) expect(sent).not.toContain(secret);
    expect(sent).not.toMatch(/"d":|PRIVATE KEY|\bl8_|eyJhbGciOi/);
  });
});
