import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  PASS,
  ProblemReportError,
  verifyReceipt,
  type Client,
  type InboundMessage,
  type Receipt,
  type ReceiptError,
} from "../../src/index.ts";
import { Agents, ALICE, ask, BOB, ECHO } from "./agents.ts";
import { LyingNode } from "./lying-node.ts";

/** An agent of node a, like Alice. */
const DAVE = "did:web:a.localhost:dave";
const PROBLEM = "https://didcomm.org/report-problem/2.0/problem-report";
const RECEIPT = "https://parley.dev/receipts/1.0/receipt";

let agents: Agents;

beforeEach(async () => {
  agents = await Agents.start();
});

afterEach(() => agents[Symbol.asyncDispose]());

const states = (receipts: readonly Receipt[]): readonly string[] => receipts.map(({ state }) => state);

/** An agent with a handler for echo requests, connected. */
async function shop(did: string, handler: (message: InboundMessage) => unknown, { manualAck = false, ...config } = {}): Promise<Client> {
  const client = agents.agent(did, config);
  client.handle(`${ECHO}/request`, handler as never, { manualAck });
  return client.connect();
}

describe("receipts of an agent that holds its keys itself", () => {
  it.each<[string, string, { keys?: "node" }]>([
    ["on another node", BOB, {}],
    ["on the sender's node", DAVE, {}],
    ["on another node, for a sender whose keys are at its node", BOB, { keys: "node" }],
    ["on the node that has the sender's keys", DAVE, { keys: "node" }],
  ])("say delivered and handled, with a signature that others can verify: %s", async (_where, other, config) => {
    await shop(other, () => undefined);
    const alice = await agents.agent(ALICE, config).connect();
    const seen: Receipt[] = [];
    const message = { ...ask(other), id: "m1" };
    let plaintext = "";
    const onPlaintext = (text: string): unknown => (plaintext = text);
    const receipts = await alice.send(message, { until: "handled", onPlaintext, onReceipt: (receipt) => seen.push(receipt) });
    expect(states(receipts)).toEqual(["delivered", "handled"]);
    const digest = createHash("sha256").update(plaintext).digest("base64url");
    expect(receipts.map((receipt) => receipt.digest)).toEqual([digest, digest]);
    expect(seen).toEqual(receipts);
    expect(receipts).toMatchObject([
      { messageId: "m1", from: other },
      { messageId: "m1", from: other },
    ]);
    for (const { signed = "", ...receipt } of receipts) {
      const resolution = { hosts: agents.hosts, httpForLoopback: true, allow: ["loopback"] as const };
      expect(await verifyReceipt(signed, { resolution })).toEqual({ ...receipt, to: ALICE, signed });
    }
    expect(agents.errors).toEqual([]);
    expect(alice.rejectedReceipts.size).toBe(0);
  });

  it("are those of its node, if only the sender holds its keys", async () => {
    await shop(BOB, () => undefined, { keys: "node" } as object);
    const alice = await agents.agent(ALICE).connect();
    let plaintext = "";
    const receipts = await alice.send(ask(BOB), { until: "handled", onPlaintext: (text) => (plaintext = text) });
    expect(states(receipts)).toEqual(["queued", "delivered", "handled"]);
    const digest = createHash("sha256").update(plaintext).digest("base64url");
    expect(receipts.map((receipt) => receipt.digest)).toEqual([digest, digest, digest]);
    expect(agents.errors).toEqual([]);
  });

  it("are never queued: a send until queued resolves with the first one", async () => {
    const acks: (() => void)[] = [];
    await shop(BOB, ({ ack }) => void acks.push(ack), { manualAck: true });
    const alice = await agents.agent(ALICE).connect();
    const seen: Receipt[] = [];
    const onReceipt = (receipt: Receipt): unknown => seen.push(receipt);
    expect(states(await alice.send(ask(BOB), { until: "queued", onReceipt }))).toEqual(["delivered"]);
    await expect.poll(() => acks.length).toBe(1);
    expect(states(seen)).toEqual(["delivered"]);
    acks[0]?.();
    await expect.poll(() => states(seen)).toEqual(["delivered", "handled"]);
  });

  it.each([
    ["whose sender holds its keys", {}],
    ["whose sender's keys are at its node", { keys: "node" as const }],
  ])("say failed with the problem code, for a message %s", async (_, config) => {
    const outcomes = [
      () => Promise.reject(new ProblemReportError("e.p.req.out-of-stock", "no tea")),
      () => Promise.reject(new Error("private")),
      () => PASS,
    ];
    await shop(BOB, () => outcomes.shift()?.());
    const alice = await agents.agent(ALICE, config).connect();
    for (const problemCode of ["e.p.req.out-of-stock", "e.p.xfer.cant-process", "e.p.msg.unsupported"]) {
      const failed: unknown = await alice.send(ask(BOB), { until: "handled" }).catch((error: unknown) => error);
      expect(failed).toMatchObject({ name: "ReceiptError", code: "receipt_failed", problemCode, pending: [] });
      const { receipts } = failed as { receipts: Receipt[] };
      expect(states(receipts)).toEqual(["delivered", "failed"]);
      expect(receipts.at(-1)).toMatchObject({ from: BOB, code: problemCode, signed: expect.any(String) as string });
    }
    const other = { ...ask(BOB), type: `${ECHO}/other` };
    await expect(alice.send(other, { until: "handled" })).rejects.toMatchObject({ problemCode: "e.p.msg.unsupported", pending: [] });
  });

  it("say failed of a message that the client refuses before a handler gets it", async () => {
    await shop(BOB, () => undefined);
    const alice = await agents.agent(ALICE).connect();
    const about = await agents.agent(DAVE).connect();
    const credential = await about.signCredential({ credentialSubject: { id: DAVE } });
    const message = await alice.present(ask(BOB), [credential]);
    await expect(alice.send(message, { until: "handled" })).rejects.toMatchObject({
      problemCode: "e.p.trust.presentation",
      receipts: [{ state: "failed", from: BOB, signed: expect.any(String) as string }],
    });
  });

  it("are made of a did:key too", async () => {
    const keyStore = agents.keyStore("key");
    const key = agents.agent("did:key:unused", { nodeUrl: agents.node("a").url, keyStore, agentDid: undefined } as object);
    key.handle(`${ECHO}/request`, () => undefined);
    await key.connect();
    const alice = await agents.agent(ALICE).connect();
    const receipts = await alice.send(ask(key.did), { until: "handled" });
    expect(states(receipts)).toEqual(["delivered", "handled"]);
    expect(await verifyReceipt(receipts.at(-1)?.signed ?? "")).toMatchObject({ from: key.did, to: ALICE });
  });

  it("are sent of all recipients, and to joined DIDs", async () => {
    await shop(BOB, () => undefined);
    await shop(DAVE, () => undefined);
    const alice = await agents.agent(ALICE).connect();
    const erin = await alice.joinDid("did:web:a.localhost:erin");
    const receipts = await erin.send(ask([BOB, DAVE]), { until: "handled" });
    for (const other of [BOB, DAVE]) expect(states(receipts.filter(({ from }) => from === other))).toEqual(["delivered", "handled"]);
    expect(agents.errors).toEqual([]);
  });

  it("are signed with the present key after a rotation", async () => {
    const bob = await shop(BOB, () => undefined);
    const alice = await agents.agent(ALICE).connect();
    await alice.send(ask(BOB), { until: "handled" });
    await bob.rotateKeys();
    expect(states(await alice.send(ask(BOB), { until: "handled" }))).toEqual(["delivered", "handled"]);
    expect(alice.rejectedReceipts.size).toBe(0);
  });

  it("are not sent of plain messages, receipts and problem reports", async () => {
    const bob = agents.agent(BOB);
    bob.handle(`${ECHO}/request`, () => undefined);
    bob.handle(PROBLEM, () => undefined);
    await bob.connect();
    const alice = await agents.agent(ALICE).connect();
    const asks = { headers: { please_ack: [""] } };
    await alice.send({ ...ask(BOB), headers: { please_ack: ["other"] } });
    await alice.send({ type: PROBLEM, to: BOB, body: { code: "e.p.x" }, ...asks });
    const body = { message_id: "m", state: "handled" };
    await alice.send({ type: RECEIPT, to: BOB, body, attachments: [{ data: { json: {} } }], ...asks });
    // Bob's messages to Alice keep their order: what he has sent before these was seen.
    expect(states(await alice.send(ask(BOB), { until: "handled" }))).toEqual(["delivered", "handled"]);
    expect(alice.rejectedReceipts.size).toBe(0);
    expect(agents.codes).toEqual(["receipt_unknown_message"]);
  });

  it("do not make a contact, whose keys are kept when those of others are forgotten", async () => {
    await shop(BOB, () => undefined);
    const alice = await agents.agent(ALICE).connect();
    await alice.send(ask(BOB), { until: "handled" });
    const directory = agents.keyStore(BOB);
    const name = (await readdir(directory)).find((file) => file.endsWith(".pins")) ?? "";
    const pins = (await readFile(join(directory, name), "utf8")).trim().split("\n");
    // The first line names the owner.
    const [, known, ...others] = pins.map((line) => JSON.parse(line) as { did: string; isContact?: boolean });
    expect([known?.did, known?.isContact ?? false, others]).toEqual([ALICE, false, []]);
  });

  it("are verified without the sender's node, which answers messages only", async () => {
    await shop(BOB, () => undefined);
    const liar = await LyingNode.listen(agents.node("a").url);
    const alice = await agents.agent(ALICE, { nodeUrl: liar.url }).connect();
    await expect(alice.listCredentials()).rejects.toMatchObject({ name: expect.any(String) as string, code: expect.any(String) as string });
    expect(states(await alice.send(ask(BOB), { until: "handled" }))).toEqual(["delivered", "handled"]);
    await liar.close();
  });
});

describe("after a crash between handling and the receipt", () => {
  it.each([
    ["handled", undefined],
    ["failed", "e.p.req.out-of-stock"],
  ])("%s is said by the next start, and no handler runs again", async (state, problemCode) => {
    const liar = await LyingNode.listen(agents.node("b").url);
    let calls = 0;
    const handler = (): void => {
      calls += 1;
      if (problemCode !== undefined) throw new ProblemReportError(problemCode, "no tea");
    };
    const bob = await shop(BOB, handler, { nodeUrl: liar.url } as object);
    let passed = 0;
    // `delivered`, and the problem report.
    const expected = problemCode === undefined ? 1 : 2;
    const dropped = new Promise<void>((resolve) => {
      liar.fromAgent = (frame) => {
        if (frame[3] !== "message" || !JSON.stringify(frame[4]).includes('"ciphertext"') || ++passed <= expected) return [frame];
        resolve();
        return [];
      };
    });
    const alice = await agents.agent(ALICE).connect();
    const seen: Receipt[] = [];
    const sent = alice.send(ask(BOB), { until: "handled", timeoutMs: 30_000, onReceipt: (receipt) => seen.push(receipt) });
    sent.catch(() => undefined);
    await dropped;
    await liar.close();
    await bob.close();
    await shop(BOB, handler);
    await expect.poll(() => states(seen)).toEqual(["delivered", state]);
    const ended = await sent.then(states, ({ code, problemCode: reason }: ReceiptError) => [code, reason]);
    expect(ended).toEqual(problemCode === undefined ? ["delivered", "handled"] : ["receipt_failed", problemCode]);
    expect(calls).toBe(1);
    expect(alice.rejectedReceipts.size).toBe(0);
  });

  it("the receipts of a closing client are sent first", async () => {
    const bob = await shop(BOB, () => undefined);
    let closed: Promise<void> | undefined;
    const alice = await agents.agent(ALICE).connect();
    const last = await shop(DAVE, () => void (closed = last.close()));
    expect(states(await alice.send(ask([BOB, DAVE]), { until: "handled" })).toSorted()).toEqual([
      "delivered",
      "delivered",
      "handled",
      "handled",
    ]);
    await closed;
    await bob.close();
  });
});

it("a message that is sent again because its receipt was lost gets it again, and is handled once", async () => {
  const liar = await LyingNode.listen(agents.node("a").url);
  let calls = 0;
  await shop(BOB, () => void (calls += 1));
  const alice = await agents.agent(ALICE, { nodeUrl: liar.url }).connect();
  let lost = 0;
  liar.fromNode = ([joinRef, ref, topic, event, payload]) => {
    if (event !== "message" || lost >= 2) return [[joinRef, ref, topic, event, payload]];
    lost += 1;
    // The node learns that Alice has them.
    return [];
  };
  const message = { ...ask(BOB), id: "m1" };
  await expect(alice.send(message, { until: "handled", timeoutMs: 500 })).rejects.toMatchObject({ code: "receipt_timeout" });
  await expect.poll(() => lost).toBe(2);
  const receipts = await alice.send(message, { until: "handled", timeoutMs: 10_000 });
  expect(states(receipts)).toEqual(["handled"]);
  expect(calls).toBe(1);
  await liar.close();
});

it("a message that is sent again after a restart of both agents gets a receipt of what was handled, not of another text", async () => {
  let calls = 0;
  const handler = (): void => void (calls += 1);
  const [message, other] = [
    { ...ask(BOB), id: "m1" },
    { ...ask(BOB, { n: 2 }), id: "m1" },
  ];
  const restart = async (): Promise<Client> => {
    await agents.closeClients();
    await shop(BOB, handler);
    return agents.agent(ALICE).connect();
  };
  const first = await (await restart()).send(message, { until: "handled" });
  const handled = first.at(-1)?.digest;
  expect(handled).toMatch(/^[\w-]{43}$/);
  expect(await (await restart()).send(message, { until: "handled" })).toMatchObject([{ state: "handled", digest: handled }]);
  await expect((await restart()).send(other, { until: "handled" })).rejects.toMatchObject({
    code: "receipt_mismatch",
    receipts: [{ state: "handled", digest: handled }],
  });
  expect(calls).toBe(1);
});
