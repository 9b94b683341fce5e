import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { startNode } from "@parley/layr8-node";
import { describeUnless, freePort } from "@parley/test-assertions";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildConsole, findBrowser, Stack, Visit } from "../src/index.ts";

const ORDERS = "https://orders.example/orders/1.0";
const [ALICE, BOB, MALLORY] = ["alice", "bob", "mallory"].map((name) => `did:web:home.localhost:${name}`) as [string, string, string];
const PARTNER = "partner.localhost";
const MAX_INBOX = 8;
const found = findBrowser();

/** What a user reads within three clicks from the overview, for each common failure. */
describeUnless(found.missing, "the cause of a failure", () => {
  let browser: Browser;
  let stack: Stack;
  let partnerPort: number;

  beforeAll(async () => {
    buildConsole();
    partnerPort = await freePort();
    stack = await Stack.start({
      domain: "home.localhost",
      policies: [{ did: BOB, deny: [MALLORY] }],
      limits: { maxInboxMessages: MAX_INBOX },
      resolution: { hosts: { [PARTNER]: `http://127.0.0.1:${partnerPort}` } },
    });
    browser = await chromium.launch({ executablePath: found.path ?? "" });
    const bob = stack.agent(BOB);
    bob.handle(`${ORDERS}/create`, () => ({ type: `${ORDERS}/created`, body: {} }));
    await bob.connect();
  });

  afterAll(async () => {
    await browser?.close();
    await stack?.[Symbol.asyncDispose]();
  });

  it("is shown for a request that no handler takes", async () => {
    const alice = stack.agent(`${ALICE}-asks`);
    await alice.connect();
    await expect(alice.request({ type: "https://parcels.example/parcels/1.0/track", to: BOB, body: {} })).rejects.toThrow("no handler");
    await using visit = await Visit.start(browser, stack.admin.url);
    await visit.clickMenu("Problems");
    expect(
      await visit.missing(
        "No agent of the recipient handles this type of message",
        "none of its connections has bound the protocol",
        "Register a handler",
      ),
    ).toEqual([]);
    await visit.clickLink("Thread of the last one");
    expect(await visit.missing("no handler for protocol")).toEqual([]);
  });

  it("is shown for an agent that is killed in the middle of a message", async () => {
    const did = "did:web:home.localhost:killed";
    const child = await startSilentAgent(did);
    const alice = stack.agent(`${ALICE}-sends`);
    await alice.connect();
    await alice.send({ type: `${ORDERS}/create`, to: did, body: {} });
    await once(child, "message");
    child.kill("SIGKILL");
    await once(child, "exit");
    await using visit = await Visit.start(browser, stack.admin.url);
    expect(await visit.missing("no agent of it is connected")).toEqual([]);
    await visit.clickLink(did);
    expect(
      await visit.missing("last connection ended while 1 message was delivered and not acknowledged", "it was killed or lost its network"),
    ).toEqual([]);
  });

  it("is shown for an agent that is killed in the middle of a request, also after the request has expired", async () => {
    const did = "did:web:home.localhost:dies";
    const child = await startSilentAgent(did);
    const alice = stack.agent(`${ALICE}-requests`);
    await alice.connect();
    const request = alice.request({ type: `${ORDERS}/create`, to: did, body: {} }, { timeoutMs: 3000 }).catch(() => undefined);
    await once(child, "message");
    child.kill("SIGKILL");
    await once(child, "exit");
    await request;
    await expect
      .poll(() => stack.read<unknown[]>(`events?filter=${encodeURIComponent(`state:dead to:${did}`)}`), { timeout: 60_000 })
      .toHaveLength(1);
    await using visit = await Visit.start(browser, stack.admin.url);
    await visit.clickMenu("Problems");
    await visit.click(visit.main.locator("li", { hasText: did }).getByText("Thread of the last one"));
    const cause = `The connection of ${did} was lost before it had acknowledged its message: its agent was killed or lost its network.`;
    expect(await visit.missing("The message expired before it was handled", cause, "connection lost")).toEqual([]);
    // Offsets are not negative, although a message is delivered while it is being stored.
    expect(await visit.main.getByText("+-").count()).toBe(0);
    await visit.clickLink(did);
    expect(
      await visit.missing("last connection ended while 1 message was delivered and not acknowledged", "Nothing waits any more"),
    ).toEqual([]);
  });

  it("is shown for a handler that throws", async () => {
    const did = "did:web:home.localhost:throws";
    const failing = stack.agent(did);
    failing.handle(`${ORDERS}/create`, () => {
      throw new Error("the printer is out of paper");
    });
    await failing.connect();
    const alice = stack.agent(`${ALICE}-hopes`);
    await alice.connect();
    await expect(alice.request({ type: `${ORDERS}/create`, to: did, body: {} })).rejects.toThrow("The handler failed");
    await using visit = await Visit.start(browser, stack.admin.url);
    await visit.clickMenu("Problems");
    const card = visit.main.locator("li", { hasText: "The agent failed to process the message" });
    expect(await visit.missing("The agent failed to process the message", "Its handler threw an exception.")).toEqual([]);
    await visit.click(card.getByText("Thread of the last one"));
    expect(await visit.missing("failed: The agent failed to process the message.")).toEqual([]);
  });

  it("is shown for a partner node that is down", async () => {
    const node = await startNode({
      port: partnerPort,
      domain: PARTNER,
      logger: false,
      resolution: { hosts: { "home.localhost": stack.node.httpUrl } },
    });
    const alice = stack.agent(`${ALICE}-abroad`);
    await alice.connect();
    const { Client } = await import("layr8");
    const partner = new Client({ nodeUrl: node.url, apiKey: node.apiKey ?? "", agentDid: `did:web:${PARTNER}:shop` }, () => undefined);
    partner.handle(`${ORDERS}/create`, () => ({ type: `${ORDERS}/created`, body: {} }));
    await partner.connect();
    const order = { type: `${ORDERS}/create`, to: `did:web:${PARTNER}:shop`, body: {} };
    await alice.request(order);
    await partner.close();
    await node.close();
    await alice.send(order);
    await using visit = await Visit.start(browser, stack.admin.url);
    await visit.clickLink(PARTNER);
    expect(await visit.missing("does not answer", "The other node can't be reached: nothing listens at its address")).toEqual([]);
    await visit.clickMenu("Problems");
    expect(await visit.missing("Another node did not take a message yet, and this node tries again", "Start the other node")).toEqual([]);
  });

  it("is shown for a join request without an answer", async () => {
    const carol = stack.manager("carol");
    await carol.create("acme/team/quiet");
    const token = await carol.invite("acme/team/quiet");
    await carol.close();
    const dave = stack.manager("dave");
    const joining = new AbortController();
    const join = dave.joinWithToken("acme/team/quiet", token, { timeoutMs: 600_000, signal: joining.signal }).catch(() => undefined);
    await using visit = await Visit.start(browser, stack.admin.url);
    await visit.clickLink("Join requests waiting");
    expect(await visit.missing("No member is connected to approve it: start an agent that is a member.")).toEqual([]);
    joining.abort(new Error("the test has ended"));
    await join;
  });

  it("is shown for a channel whose members are in different groups", async () => {
    const name = "acme/team/forked";
    const settings = { admit: false };
    const alice = stack.manager("alice", { allowSameIdentity: true });
    // Rejects what the others accept: two members with one identity.
    const erin = stack.manager("erin", settings);
    await alice.create(name);
    await erin.joinWithToken(name, await alice.invite(name), { timeoutMs: 120_000 });
    const twin = stack.manager("erin", { ...settings, allowSameIdentity: true, lens: "" });
    await twin.joinWithToken(name, await alice.invite(name), { timeoutMs: 120_000 });
    for (let turn = 0; turn < 4; turn++) await alice.send(name, `message ${turn}`);
    await expect
      .poll(async () => JSON.stringify(await stack.read(`read/lens/members?channel=${encodeURIComponent(name)}`)), { timeout: 120_000 })
      .toContain("Fork:");
    await using visit = await Visit.start(browser, stack.admin.url);
    await visit.clickLink(name);
    expect(
      await visit.missing(
        "Fork: erin cannot decrypt messages of other members",
        "erin is in epoch",
        "The first entry that a member could not read",
        "Remedy:",
      ),
    ).toEqual([]);
    await visit.clickLink("Unread entries");
    expect(await visit.missing(`The identity "erin" belongs to another member's signature key`, "Use the same")).toEqual([]);
  });

  it("is shown for a policy that denies", async () => {
    const mallory = stack.agent(MALLORY);
    await mallory.connect();
    await expect(mallory.request({ type: `${ORDERS}/create`, to: BOB, body: {} })).rejects.toThrow("unauthorized");
    await using visit = await Visit.start(browser, stack.admin.url);
    await visit.clickMenu("Problems");
    expect(await visit.missing("A policy of the recipient denies the sender")).toEqual([]);
    await visit.click(visit.main.locator("li", { hasText: "A policy of the recipient denies" }).getByText("Would it pass now?"));
    expect(await visit.missing(`It would stop at Policy 1 (for ${BOB}): it denies the sender`)).toEqual([]);
  });

  it("is shown for a full inbox", async () => {
    const did = "did:web:home.localhost:full";
    const away = stack.agent(did);
    away.handle(`${ORDERS}/create`, () => undefined);
    await away.connect();
    await away.close();
    const alice = stack.agent(`${ALICE}-insists`);
    await alice.connect();
    // One sender may fill three quarters of an inbox.
    for (let turn = 0; turn < (3 * MAX_INBOX) / 4; turn++) await alice.send({ type: `${ORDERS}/create`, to: did, body: { turn } });
    await expect(alice.send({ type: `${ORDERS}/create`, to: did, body: {} })).rejects.toThrow("inbox full");
    await using visit = await Visit.start(browser, stack.admin.url);
    expect(await visit.missing(`of ${MAX_INBOX} messages`)).toEqual([]);
    await visit.clickMenu("Problems");
    expect(await visit.missing("The recipient has too many messages waiting", "Its agents are away, or slower than its senders.")).toEqual(
      [],
    );
  });

  /** An agent in a process of its own that receives a message, reports that, and never acknowledges it. */
  async function startSilentAgent(did: string): Promise<ChildProcess> {
    const program = `
      const { Client } = await import("layr8");
      const [nodeUrl, apiKey, agentDid, type] = process.argv.slice(1);
      const client = new Client({ nodeUrl, apiKey, agentDid }, () => {});
      client.handle(type, () => new Promise(() => process.send("received")));
      await client.connect();
      process.send("connected");
    `;
    const child = spawn(
      process.execPath,
      ["--input-type=module", "--eval", program, stack.node.url, stack.node.apiKey ?? "", did, `${ORDERS}/create`],
      { cwd: import.meta.dirname, stdio: ["ignore", "inherit", "inherit", "ipc"] },
    );
    await once(child, "message");
    return child;
  }
});
