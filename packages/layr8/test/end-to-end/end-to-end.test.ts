import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isJsonObject } from "@parley/core";
import { createDidResolver, didWebMethod } from "@parley/did";
import { createNodeFetch } from "@parley/did/node";
import { rejectionOf } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { Client, mediation, ProblemReportError, type Config, type InboundMessage } from "../../src/index.ts";
import { Agents, ALICE, ask, BOB, CAROL, ECHO, KEY } from "./agents.ts";
import { LyingHost, LyingNode } from "./lying-node.ts";

/** Stands in every message that no node may read. */
const MARKER = "only-for-bob-7b1c";
/** An agent of node a, like Alice. */
const DAVE = "did:web:a.localhost:dave";

let agents: Agents;

beforeEach(async () => {
  agents = await Agents.start();
});

afterEach(() => agents[Symbol.asyncDispose]());

/** Whether a file below a directory contains a text. */
async function contains(directory: string, text: string): Promise<boolean> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(files.map((file) => readFile(file)));
  return contents.some((content) => content.includes(text));
}

function documentOf(did: string) {
  const fetch = createNodeFetch();
  return createDidResolver({ methods: didWebMethod({ fetch, hosts: agents.hosts }), cache: false }).resolve(did);
}

describe("agents that hold their keys themselves", () => {
  it.each([
    ["on two nodes", BOB],
    ["on one node", DAVE],
  ])("send, and request and respond on threads, %s", async (_where, other) => {
    await agents.echo(other);
    const alice = await agents.agent(ALICE).connect();
    expect(await alice.request(ask(other, { text: "hello" }))).toMatchObject({ from: other, body: { text: "hello" } });
    await alice.send(ask(other, { n: 2 }));
    await expect
      .poll(() => agents.received)
      .toEqual([
        [other, ALICE, { text: "hello" }],
        [other, ALICE, { n: 2 }],
      ]);
    const many = await Promise.all(Array.from({ length: 50 }, (_, n) => alice.request(ask(other, { n }))));
    expect(many.map(({ body }) => body["n"])).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(agents.errors).toEqual([]);
  });

  it("keep the keys of those to whom they have begun to send, and not of those who have caused responses and reports", async () => {
    await agents.echo(BOB);
    const bob = agents.keyStore(BOB);
    const alice = await agents.agent(ALICE).connect();
    const contacts = async (directory: string): Promise<string[]> => {
      const name = (await readdir(directory)).find((file) => file.endsWith(".pins")) ?? "";
      const pins = (await readFile(join(directory, name), "utf8")).trim().split("\n");
      return pins.map((line) => JSON.parse(line) as { did: string; isContact?: boolean }).flatMap((pin) => (pin.isContact ? pin.did : []));
    };
    await alice.request(ask(BOB));
    await expect(alice.request({ type: "https://layr8.io/protocols/other/1.0/request", to: BOB, body: {} })).rejects.toThrow("No handler");
    expect(await contacts(bob)).toEqual([]);
    expect(await contacts(agents.keyStore(ALICE))).toEqual([BOB]);
  });

  it("keep the order of messages to one recipient", async () => {
    await agents.echo(BOB);
    const alice = await agents.agent(ALICE).connect();
    await Promise.all(Array.from({ length: 40 }, (_, n) => alice.send(ask(BOB, { n }))));
    await expect.poll(() => agents.received.length).toBe(40);
    expect(agents.received).toEqual(Array.from({ length: 40 }, (_, n) => [BOB, ALICE, { n }]));
  });

  it("send one message to several recipients, each encrypted for itself", async () => {
    await agents.echo(BOB);
    await agents.echo(CAROL);
    const alice = await agents.agent(ALICE).connect();
    await alice.send(ask([BOB, CAROL], { n: 1 }));
    await expect.poll(() => agents.received.length).toBe(2);
    expect(agents.received).toEqual(
      expect.arrayContaining([
        [BOB, ALICE, { n: 1 }],
        [CAROL, ALICE, { n: 1 }],
      ]),
    );
  });

  it("show no node what they send: neither its frames, nor its posts, nor its files", async () => {
    await Promise.all([agents.stop("a"), agents.stop("b")]);
    const dirs = { a: join(agents.path, "node-a"), b: join(agents.path, "node-b") };
    await agents.open("b", { dataDir: dirs.b, deadLetters: true });
    const host = await LyingHost.listen(agents.ports.b);
    await agents.open("a", { dataDir: dirs.a, resolution: { hosts: { ...agents.hosts, "b.localhost": host.origin }, cacheTtlMs: 0 } });
    const [first, second] = [await LyingNode.listen(agents.node("a").url), await LyingNode.listen(agents.node("b").url)];
    try {
      const alice = await agents.agent(ALICE, { nodeUrl: first.url }).connect();
      const bob = await agents.echo(BOB, { nodeUrl: second.url });
      expect((await alice.request(ask(BOB, { text: MARKER }))).body).toEqual({ text: MARKER });
      await bob.close();
      // It waits in the inbox.
      await alice.send(ask(BOB, { text: MARKER }));
      await expect.poll(() => host.posted.length).toBeGreaterThan(1);
      const failing = agents.agent(BOB, { nodeUrl: second.url });
      failing.handle(`${ECHO}/request`, () => {
        throw new ProblemReportError("e.p.req.refused", MARKER);
      });
      await failing.connect();
      await expect(alice.request(ask(BOB, { text: MARKER }))).rejects.toThrow(MARKER);
      await agents.closeClients();
      await Promise.all([agents.stop("a"), agents.stop("b")]);
      const wire = [...first.frames, ...second.frames, ...host.posted].join("\n");
      expect(wire).toContain("ciphertext");
      expect(wire).not.toContain(MARKER);
      expect(await contains(dirs.a, "ciphertext")).toBe(true);
      expect(await contains(dirs.b, "ciphertext")).toBe(true);
      expect(await contains(dirs.a, MARKER)).toBe(false);
      expect(await contains(dirs.b, MARKER)).toBe(false);
    } finally {
      await agents.closeClients();
      await Promise.all([first.close(), second.close(), host.close()]);
    }
  });

  it("keep their keys in files that only their user can read, and the same keys after a restart", async () => {
    const alice = await agents.agent(ALICE).connect();
    const before = await documentOf(ALICE);
    const fingerprint = await alice.keyFingerprint();
    await alice.close();
    const names = await readdir(agents.keyStore(ALICE));
    expect(names.some((name) => name.endsWith(".keys"))).toBe(true);
    for (const name of names) expect((await stat(join(agents.keyStore(ALICE), name))).mode & 0o777).toBe(0o600);
    expect((await stat(agents.keyStore(ALICE))).mode & 0o777).toBe(0o700);
    const back = await agents.agent(ALICE).connect();
    expect(await documentOf(ALICE)).toEqual(before);
    expect(await back.keyFingerprint()).toBe(fingerprint);
    expect(fingerprint).toMatch(/^(?:\d{5} ){11}\d{5}$/);
  });

  it("see the same fingerprint of each other's keys", async () => {
    const bob = await agents.echo(BOB);
    const alice = await agents.agent(ALICE).connect();
    expect(await alice.keyFingerprint(BOB)).toBe(await bob.keyFingerprint());
    expect(await alice.keyFingerprint(BOB)).not.toBe(await alice.keyFingerprint());
  });

  it("get what was sent while they were away, each message once, and again what they did not acknowledge", async () => {
    const bob = await agents.echo(BOB);
    await bob.close();
    const alice = await agents.agent(ALICE).connect();
    for (let n = 0; n < 5; n++) await alice.send(ask(BOB, { n }));
    const lazy = agents.agent(BOB);
    const seen: unknown[] = [];
    lazy.handle(`${ECHO}/request`, ({ body }) => void seen.push(body["n"]), { manualAck: true });
    await lazy.connect();
    await expect.poll(() => seen).toEqual([0, 1, 2, 3, 4]);
    await lazy.close();
    await agents.echo(BOB);
    await expect.poll(() => agents.received.length).toBe(5);
    expect(agents.received).toEqual(Array.from({ length: 5 }, (_, n) => [BOB, ALICE, { n }]));
  });

  it("survive the restart of both nodes", async () => {
    await Promise.all([agents.stop("a"), agents.stop("b")]);
    const dirs = { a: join(agents.path, "node-a"), b: join(agents.path, "node-b") };
    await agents.open("a", { dataDir: dirs.a });
    await agents.open("b", { dataDir: dirs.b });
    const bob = await agents.echo(BOB);
    await bob.close();
    const alice = await agents.agent(ALICE).connect();
    await alice.send(ask(BOB, { n: 1 }));
    await expect.poll(async () => (await fetch(`${agents.node("b").httpUrl}/metrics`)).text()).toContain('result="accepted"} 1');
    await agents.closeClients();
    await Promise.all([agents.stop("a"), agents.stop("b")]);
    await agents.open("a", { dataDir: dirs.a });
    await agents.open("b", { dataDir: dirs.b });
    await agents.echo(BOB);
    await expect.poll(() => agents.received).toEqual([[BOB, ALICE, { n: 1 }]]);
    const back = await agents.agent(ALICE).connect();
    expect(await back.request(ask(BOB, { n: 2 }))).toMatchObject({ body: { n: 2 } });
  });

  it("reconnect with the same keys, and with those that they have rotated while they were away", async () => {
    const dirs = { a: join(agents.path, "node-a"), b: join(agents.path, "node-b") };
    await Promise.all([agents.stop("a"), agents.stop("b")]);
    await agents.open("a", { dataDir: dirs.a });
    await agents.open("b", { dataDir: dirs.b });
    const bob = await agents.echo(BOB);
    const alice = await agents.agent(ALICE).connect();
    await alice.request(ask(BOB, { n: 1 }));
    const before = await bob.keyFingerprint();
    const back = new Promise<void>((resolve) => void bob.onReconnect(resolve));
    const lost = new Promise<void>((resolve) => void bob.onDisconnect(() => resolve()));
    await agents.stop("b");
    await lost;
    await bob.rotateKeys();
    await agents.open("b", { dataDir: dirs.b });
    await back;
    expect((await documentOf(BOB)).keyAgreement).toHaveLength(2);
    expect(await alice.request(ask(BOB, { n: 2 }))).toMatchObject({ body: { n: 2 } });
    expect(await bob.keyFingerprint()).not.toBe(before);
    await expect.poll(() => agents.codes.filter((code) => code !== "disconnected")).toEqual([]);
  });

  it("get problem reports: of handlers, of missing handlers, of nodes", async () => {
    const bob = agents.agent(BOB);
    bob.handle(`${ECHO}/request`, () => {
      throw new ProblemReportError("e.p.req.out-of-stock", "Only {1} left", ["3"]);
    });
    await bob.connect();
    const alice = await agents.agent(ALICE).connect();
    await expect(alice.request(ask(BOB))).rejects.toMatchObject({ code: "e.p.req.out-of-stock", comment: "Only 3 left", from: BOB });
    await expect(alice.request({ ...ask(BOB), type: `${ECHO}/other` })).rejects.toMatchObject({ code: "e.p.msg.unsupported", from: BOB });
    await bob.close();
    await agents.node("b").deleteAgent(BOB);
    // Not Bob's word: the report comes from Alice's own node.
    await expect(alice.request(ask(BOB))).rejects.toMatchObject({ code: "e.p.did.unresolved", from: ALICE });
  });

  it("are told why a recipient on the same node refuses their messages", async () => {
    const dave = await agents.echo(DAVE);
    const alice = await agents.agent(ALICE).connect();
    await alice.request(ask(DAVE));
    // Alice has Dave's former document in her cache.
    await dave.rotateKeys({ overlapMs: 0 });
    await expect(alice.request(ask(DAVE))).rejects.toMatchObject({
      code: "e.p.msg.undecryptable",
      comment: "The recipient can't decrypt the message: it no longer has the key, or the message was changed or forged on its way",
    });
    await alice.close();
    await agents.node("a").deleteAgent(ALICE);
    const other = await agents.agent(ALICE, { keyStore: agents.keyStore("other") }).connect();
    await dave.close();
    await agents.echo(DAVE);
    await expect(other.request(ask(DAVE))).rejects.toMatchObject({
      code: "e.p.msg.key-changed",
      comment: expect.stringContaining("The recipient remembers other keys of the sender") as unknown,
    });
  });

  it("get messages through a mediator: at once while they are connected, later if they were away", async () => {
    const mediator = "did:web:c.localhost:inbox";
    await agents.open("c", { mediator });
    const alice = await agents.agent(ALICE).connect();
    const bob = await agents.echo(BOB, { mediator });
    const isLive = async () => mediation.status(bob, mediator).then((result) => result.ok && result.status["live_delivery"]);
    await expect.poll(isLive, { timeout: 10_000 }).toBe(true);
    expect(await alice.request(ask(BOB, { n: 1 }))).toMatchObject({ from: BOB, body: { n: 1 } });
    await bob.close();
    await alice.send(ask(BOB, { n: 2 }));
    await agents.echo(BOB, { mediator });
    await expect
      .poll(() => agents.received, { timeout: 10_000 })
      .toEqual([
        [BOB, ALICE, { n: 1 }],
        [BOB, ALICE, { n: 2 }],
      ]);
    expect(agents.errors).toEqual([]);
  });

  it("call MCP servers of each other", async () => {
    const bob = agents.agent(BOB);
    bob.mcp().handle("tools/list", () => ({ tools: [] }));
    await bob.connect();
    const alice = agents.agent(ALICE);
    const mcp = alice.mcp();
    await alice.connect();
    expect(await mcp.peer(BOB).call("tools/list")).toEqual({ tools: [] });
  });

  it("join further DIDs, each with keys of its own", async () => {
    await agents.echo(BOB);
    const alice = await agents.agent(ALICE).connect();
    const dave = await alice.joinDid(DAVE);
    expect(await dave.request(ask(BOB, { n: 1 }))).toMatchObject({ body: { n: 1 } });
    expect(agents.received).toEqual([[BOB, DAVE, { n: 1 }]]);
    expect((await documentOf(DAVE)).keyAgreement).not.toEqual((await documentOf(ALICE)).keyAgreement);
  });

  it("are a did:key without agentDid, on one node", async () => {
    const store = agents.keyStore("key");
    const resolution = { hosts: agents.hosts };
    const made = (): Client =>
      new Client(
        { nodeUrl: agents.node("a").url, apiKey: KEY, attachGrants: false, keys: "agent", keyStore: store, resolution },
        (error) => void agents.errors.push(error),
      );
    const key = await made().connect();
    expect(key.did).toMatch(/^did:key:z6Mk/);
    await agents.echo(DAVE);
    expect(await key.request(ask(DAVE))).toMatchObject({ from: DAVE });
    await expect(key.rotateKeys()).rejects.toMatchObject({ code: "rotation_unsupported" });
    await key.close();
    const back = await made().connect();
    expect(back.did).toBe(key.did);
    await back.close();
    expect(agents.errors).toEqual([]);
  });
});

describe("an agent that holds its keys, and one whose keys its node holds", () => {
  it.each([
    ["on two nodes", BOB],
    ["on one node", DAVE],
  ])("exchange messages both ways, %s", async (_where, other) => {
    await agents.echo(other, { keys: "node" });
    const alice = await agents.echo(ALICE);
    expect(await alice.request(ask(other, { n: 1 }))).toMatchObject({ from: other, body: { n: 1 } });
    const asker = agents.agent(`${other}-asker`, { keys: "node" });
    await asker.connect();
    expect(await asker.request(ask(ALICE, { n: 2 }))).toMatchObject({ from: ALICE, body: { n: 2 } });
    expect(agents.received).toEqual([
      [other, ALICE, { n: 1 }],
      [ALICE, `${other}-asker`, { n: 2 }],
    ]);
    expect(agents.errors).toEqual([]);
  });
});

describe("the keys of a DID", () => {
  it("stay where they are: at the agent, or at the node", async () => {
    await (await agents.agent(ALICE).connect()).close();
    await expect(agents.agent(ALICE, { keys: "node" }).connect()).rejects.toMatchObject({
      code: "join_refused",
      reason: "e.join.keys.at-agent",
    });
    await (await agents.agent(DAVE, { keys: "node" }).connect()).close();
    await expect(agents.agent(DAVE).connect()).rejects.toMatchObject({
      code: "join_refused",
      reason: "e.join.keys.at-node",
      message: expect.stringContaining("delete the agent at the node first, or use another DID") as unknown,
    });
  });

  it("move to the agent with Update: what waits in the clear is refused as not_encrypted, and its senders on the same node get a report", async () => {
    await (await agents.echo(DAVE, { keys: "node" })).close();
    // The node has encrypted neither for Dave: it decrypts what an agent has encrypted for a DID whose keys it holds.
    const senders = [await agents.agent(ALICE).connect(), await agents.agent("did:web:a.localhost:erin", { keys: "node" }).connect()];
    const requests = senders.map((sender) => sender.request(ask(DAVE, { text: MARKER }), { timeoutMs: 60_000 }));
    for (const request of requests) request.catch(() => undefined);
    const waiting = async (): Promise<string | undefined> =>
      /^layr8_node_inbox_messages (\d+)$/m.exec(await (await fetch(`${agents.node("a").metricsUrl}/metrics`)).text())?.[1];
    await expect.poll(waiting).toBe("2");
    const updating = await LyingNode.listen(agents.node("a").url);
    onTestFinished(() => updating.close());
    updating.fromAgent = ([joinRef, ref, topic, event, payload]) => {
      const spec = payload["did_spec"];
      return [[joinRef, ref, topic, event, isJsonObject(spec) ? { ...payload, did_spec: { ...spec, mode: "Update" } } : payload]];
    };
    const dave = await agents.echo(DAVE, { nodeUrl: updating.url });
    for (const request of requests)
      await expect(request).rejects.toMatchObject({ name: "ProblemReportError", code: "e.p.msg.not-encrypted" });
    expect(agents.codes).toEqual(["not_encrypted", "not_encrypted"]);
    expect(agents.received).toEqual([]);
    await expect.poll(waiting).toBe("0");
    // From now on its messages are encrypted for its own keys, once those who remember the former ones accept them.
    await senders[0]?.trustKeys(DAVE);
    for (const sender of senders) expect(await sender.request(ask(DAVE, { n: 1 }))).toMatchObject({ from: DAVE, body: { n: 1 } });
    const fingerprint = await dave.keyFingerprint();
    await dave.close();
    expect(await (await agents.echo(DAVE)).keyFingerprint()).toBe(fingerprint);
  });

  it("are not replaced by those of another key store", async () => {
    await (await agents.agent(ALICE).connect()).close();
    const other = agents.agent(ALICE, { keyStore: agents.keyStore("thief") });
    await expect(other.connect()).rejects.toMatchObject({ code: "join_refused", reason: "e.join.keys.changed" });
  });

  it("sign credentials and presentations, which the recipient verifies itself", async () => {
    const credentials: unknown[] = [];
    const bob = agents.agent(BOB);
    bob.handle(`${ECHO}/request`, ({ context, body }: InboundMessage) => {
      credentials.push(context?.senderCredentials);
      return { type: `${ECHO}/response`, body };
    });
    await bob.connect();
    const alice = await agents.agent(ALICE).connect();
    const signed = await alice.signCredential({ type: ["EmployeeCredential"], credentialSubject: { id: ALICE, role: "welder" } });
    await alice.request(await alice.present(ask(BOB), [signed]));
    expect(credentials).toMatchObject([[{ issuer: ALICE, credentialSubject: { id: ALICE, role: "welder" } }]]);
    await expect(alice.signCredential({ credentialSubject: { id: ALICE } }, { revocable: true })).rejects.toThrow("revocable");
    const other = await bob.signCredential({ credentialSubject: { id: BOB } });
    await expect(alice.request(await alice.present(ask(BOB), [other]))).rejects.toMatchObject({ code: "e.p.trust.presentation" });
    expect(agents.codes).toEqual(["presentation_refused"]);
  });
});

describe("the rotation of keys", () => {
  it("is accepted by those who know the former key, and messages for the former key are still read", async () => {
    const bob = await agents.echo(BOB);
    const alice = await agents.agent(ALICE).connect();
    await alice.request(ask(BOB, { n: 1 }));
    const [former] = (await documentOf(BOB)).keyAgreement;
    await bob.rotateKeys();
    const after = await documentOf(BOB);
    expect(after.keyAgreement).toHaveLength(2);
    expect(after.keyAgreement[1]).toBe(former);
    expect(after.keyRotations).toHaveLength(1);
    // Alice has Bob's former document in her cache, and encrypts for the former key.
    expect(await alice.request(ask(BOB, { n: 2 }))).toMatchObject({ body: { n: 2 } });
    await alice.close();
    const back = await agents.agent(ALICE).connect();
    expect(await back.request(ask(BOB, { n: 3 }))).toMatchObject({ body: { n: 3 } });
    await bob.rotateKeys();
    await back.close();
    const again = await agents.agent(ALICE).connect();
    expect(await again.request(ask(BOB, { n: 4 }))).toMatchObject({ body: { n: 4 } });
    expect(agents.errors).toEqual([]);
  });

  it("drops the former key when it expires", async () => {
    const bob = await agents.echo(BOB);
    await bob.rotateKeys({ overlapMs: 0 });
    expect((await documentOf(BOB)).keyAgreement).toHaveLength(1);
    const alice = await agents.agent(ALICE).connect();
    expect(await alice.request(ask(BOB))).toMatchObject({ from: BOB });
  });

  it("needs a client that has connected, and is not closed", async () => {
    const bob = agents.agent(BOB);
    await expect(bob.rotateKeys({ did: BOB })).rejects.toMatchObject({ code: "keys_not_held" });
    await bob.connect();
    await bob.rotateKeys();
    await bob.close();
    await expect(bob.rotateKeys({ did: BOB })).rejects.toMatchObject({ code: "keys_not_held" });
  });

  it("keeps the former key for up to 31 days, and no longer", async () => {
    const day = 24 * 60 * 60_000;
    const bob = await agents.agent(BOB).connect();
    for (const overlapMs of [31 * day + 1, -1, Number.NaN, Infinity, "1" as never])
      await expect(bob.rotateKeys({ overlapMs })).rejects.toThrow(
        "overlapMs must be a number of milliseconds from 0 to 2678400000 (31 days)",
      );
    expect((await documentOf(BOB)).keyAgreement).toHaveLength(1);
    const before = Date.now();
    await bob.rotateKeys({ overlapMs: 31 * day });
    const name = (await readdir(agents.keyStore(BOB))).find((file) => file.endsWith(".keys")) ?? "";
    const { former } = JSON.parse(await readFile(join(agents.keyStore(BOB), name), "utf8")) as { former: { until: number }[] };
    expect(former).toHaveLength(1);
    expect(former[0]?.until).toBeGreaterThanOrEqual(before + 31 * day);
    expect((await documentOf(BOB)).keyAgreement).toHaveLength(2);
  });
});

describe("policies", () => {
  it.each<[string, object, object]>([
    [
      "forbid encrypted messages",
      { encrypted: "forbid" },
      { problemCode: "e.m.authz.denied", message: expect.stringContaining("that agents have encrypted: a policy forbids them") as unknown },
    ],
    ["decide by the sender", { allow: [BOB] }, { problemCode: "e.m.authz.denied" }],
    [
      "of a protocol apply, since it is not visible",
      { protocols: ["https://other.example/orders/1.0"], allow: [BOB] },
      { problemCode: "e.m.authz.denied" },
    ],
  ])("%s", async (_what, policy, rejection) => {
    await agents.stop("a");
    await agents.open("a", { policies: [{ did: DAVE, ...policy }] });
    await agents.echo(DAVE);
    const alice = await agents.agent(ALICE).connect();
    await expect(alice.send(ask(DAVE))).rejects.toMatchObject(rejection);
  });

  it("that demand credentials deny encrypted messages, unless they allow them", async () => {
    const credentials = [{ type: "EmployeeCredential", issuers: ["*"] }];
    await agents.stop("a");
    await agents.open("a", {
      policies: [
        { did: DAVE, credentials },
        { did: "did:web:a.localhost:erin", credentials, encrypted: "allow" },
      ],
    });
    await agents.echo(DAVE);
    await agents.echo("did:web:a.localhost:erin");
    const alice = await agents.agent(ALICE).connect();
    await expect(alice.request(ask(DAVE))).rejects.toMatchObject({
      code: "e.m.authz.denied",
      comment: expect.stringMatching(
        /only from senders that present: EmployeeCredential from any issuer\. Its node can't see them in a message/,
      ) as unknown,
    });
    expect(await alice.request(ask("did:web:a.localhost:erin"))).toMatchObject({ body: { n: 1 } });
  });

  it("of the recipient's node that demand credentials deny them to the sender on another node", async () => {
    await agents.stop("b");
    await agents.open("b", { policies: [{ did: BOB, credentials: [{ type: "EmployeeCredential", issuers: ["*"] }] }] });
    await agents.echo(BOB);
    const alice = await agents.agent(ALICE).connect();
    await expect(alice.request(ask(BOB))).rejects.toMatchObject({ code: "e.m.authz.denied" });
    expect(agents.received).toEqual([]);
  });

  it("that require encryption deny what a node could read", async () => {
    await agents.stop("a");
    await agents.open("a", { policies: [{ did: DAVE, encrypted: "require" }] });
    await agents.echo(DAVE);
    const alice = await agents.agent(ALICE).connect();
    expect(await alice.request(ask(DAVE))).toMatchObject({ body: { n: 1 } });
    const erin = await agents.agent("did:web:a.localhost:erin", { keys: "node" }).connect();
    await expect(erin.send(ask(DAVE))).rejects.toMatchObject({
      problemCode: "e.m.authz.denied",
      message: expect.stringContaining("that its agent has not encrypted itself: a policy requires that") as unknown,
    });
  });

  it("that demand grants deny with the reason that the node can't see them", async () => {
    await agents.stop("a");
    await agents.open("a", { policies: [{ did: DAVE, grantIssuers: ["*"] }] });
    await agents.echo(DAVE);
    const alice = await agents.agent(ALICE).connect();
    const error = await rejectionOf(alice.request(ask(DAVE)));
    expect(error).toMatchObject({
      code: "e.m.authz.denied",
      comment: expect.stringMatching(
        /only with a grant of any issuer\. Its node can't see them in a message that agents have encrypted/,
      ) as unknown,
      attachments: [{ id: "helix-decision", data: { json: { allow: false, reason: "encrypted", grants: [] } } }],
    });
  });
});

const HELD = { keys: "agent", keyStore: "/tmp/keys" } as const;

describe("options about keys", () => {
  it.each<[Config, string]>([
    [{ keys: "agent" }, "Config.keyStore is missing"],
    [{ keyStore: "/tmp/keys" }, 'Config.keyStore needs keys: "agent"'],
    [{ keys: "me" as never, keyStore: "/tmp/keys" }, 'Config.keys must be "node" or "agent"'],
    [{ keys: "agent", keyStore: {} as never }, "Config.keyStore must be the path of a directory"],
    [{ keys: "Agent" as never, keyStore: "/tmp/keys" }, 'Config.keys must be "node" or "agent", not "Agent"'],
    [{ resolution: {} }, 'Config.resolution needs keys: "agent"'],
    [{ ...HELD, resolution: { hsots: 3 } as never }, 'Unknown option "resolution.hsots"'],
    [{ ...HELD, resolution: [] as never }, "Config.resolution must be an object"],
    [
      { ...HELD, resolution: { hosts: { localhost: "127.0.0.1:4000" } } },
      'Config.resolution.hosts["localhost"] must be an http or https origin',
    ],
    [{ ...HELD, resolution: { hosts: { localhost: "http://127.0.0.1:4000/x" } } }, "must be an http or https origin"],
    [{ ...HELD, resolution: { hosts: { localhost: undefined as never } } }, "must be an http or https origin"],
    [{ ...HELD, resolution: { hosts: [] as never } }, "Config.resolution.hosts must be an object"],
    [{ ...HELD, resolution: { allow: ["local"] as never } }, "Config.resolution.allow must be a list of kinds of addresses"],
    [{ ...HELD, resolution: { httpForLoopback: "no" as never } }, "Config.resolution.httpForLoopback must be true or false"],
    [{ ...HELD, resolution: { ca: 1 as never } }, "Config.resolution.ca must be certificates in PEM"],
    [{ keys: "agent", keyStore: "/tmp/keys", parentDid: ALICE }, "Config.parentDid can't be combined"],
  ])("are checked: %j", (config, message) => {
    expect(() => new Client({ nodeUrl: "http://127.0.0.1:4000", apiKey: KEY, ...config }, () => {})).toThrow(message);
  });

  it("are not all: the calls need DIDs", async () => {
    const alice = await agents.agent(ALICE).connect();
    await expect(alice.trustKeys(undefined as never)).rejects.toThrow(/^did must be a DID, not /);
    await expect(alice.trustKeys("bob")).rejects.toThrow('did must be a DID, not "bob"');
    await expect(alice.keyFingerprint(7 as never)).rejects.toThrow("did must be a DID, not 7");
    await expect(alice.rotateKeys({ did: "" })).rejects.toThrow("did must be a DID, not ");
  });

  it("are needed by the calls about keys", async () => {
    const client = await agents.agent(ALICE, { keys: "node" }).connect();
    await expect(client.rotateKeys()).rejects.toMatchObject({ code: "keys_not_held" });
    await expect(client.trustKeys(BOB)).rejects.toMatchObject({ code: "keys_not_held" });
  });
});
