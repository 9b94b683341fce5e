import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  mediation,
  PASS,
  ProblemReportError,
  ServerRejectError,
  verifyReceipt,
  type Client,
  type InboundMessage,
  type Receipt,
  type ReceiptError,
} from "../../src/index.ts";
import { MemoryKeyStore } from "../end-to-end/memory-key-store.ts";
import { ALICE, FAR, NEAR, order, ORDERS, Places, type Name } from "./places.ts";

const PING = "https://didcomm.org/trust-ping/2.0/ping";

let places: Places;

beforeEach(async () => {
  places = await Places.create("a", "b");
});
afterEach(() => places.close());

const states = (receipts: readonly Receipt[]): readonly string[] => receipts.map(({ state }) => state);

/** An agent that handles orders, connected. */
async function shop(did: string, handler: (message: InboundMessage) => unknown, manualAck = false): Promise<Client> {
  const made = places.client(did === NEAR ? "a" : "b", did);
  made.handle(`${ORDERS}/create`, handler as never, { manualAck });
  return made.connect();
}

describe.each([
  ["on the sender's node", NEAR],
  ["on another node", FAR],
])("receipts of an agent %s", (_, bob) => {
  it("say queued, delivered and handled, in this order, with a signature that others can verify", async () => {
    await shop(bob, () => undefined);
    const alice = await places.client("a", ALICE).connect();
    const seen: Receipt[] = [];
    const receipts = await alice.send(order(bob, { id: "m1" }), { until: "handled", onReceipt: (receipt) => seen.push(receipt) });
    expect(states(receipts)).toEqual(["queued", "delivered", "handled"]);
    expect(seen).toEqual(receipts);
    expect(receipts.every(({ messageId, from, time }) => messageId === "m1" && from === bob && Number.isSafeInteger(time))).toBe(true);
    const hosts = { "a.localhost": places.node("a").httpUrl, "b.localhost": places.node("b").httpUrl };
    for (const { signed = "", ...receipt } of receipts) {
      expect(await verifyReceipt(signed, { resolution: { hosts } })).toEqual({ ...receipt, to: ALICE, signed });
    }
    expect(places.errors).toEqual([]);
    expect(alice.rejectedReceipts.size).toBe(0);
  });

  it("have the digest of the text that was sent, as the audit chains of both nodes have it", async () => {
    for (const name of ["a", "b"] as const) {
      await places.stop(name);
      await places.start(name, { audit: true });
    }
    await shop(bob, () => undefined);
    const alice = await places.client("a", ALICE).connect();
    const texts: string[] = [];
    const message = order(bob, { id: "m1", body: { item: "tea €" }, headers: { x: 1 } });
    const receipts = await alice.send(message, { until: "handled", onPlaintext: (text) => texts.push(text) });
    expect(texts.map((text) => JSON.parse(text) as object)).toMatchObject([{ id: "m1", body: { item: "tea €" }, x: 1, please_ack: [""] }]);
    const digest = createHash("sha256")
      .update(texts[0] ?? "")
      .digest("base64url");
    expect(receipts.map((receipt) => receipt.digest)).toEqual([digest, digest, digest]);
    for (const [node, did] of [
      ["a", ALICE],
      [bob === NEAR ? "a" : "b", bob],
    ] as const)
      await expect
        .poll(async () => (await places.audited(node, did)).filter(({ id }) => id === "m1"))
        .toContainEqual(expect.objectContaining({ digest }));
  });

  it("say failed with the digest", async () => {
    await shop(bob, () => Promise.reject(new Error("private")));
    const alice = await places.client("a", ALICE).connect();
    const failed = (await alice.send(order(bob), { until: "handled" }).catch((error: unknown) => error)) as ReceiptError;
    const [queued, ...others] = failed.receipts.map(({ digest }) => digest);
    expect(queued).toMatch(/^[\w-]{43}$/);
    expect(others).toEqual([queued, queued]);
  });

  it("say queued again without a digest of a message that is sent again, as another text was stored", async () => {
    const acks: (() => void)[] = [];
    await shop(bob, ({ ack }) => void acks.push(ack), true);
    const [first, second] = [await places.client("a", ALICE).connect(), await places.client("a", ALICE).connect()];
    const tea = await first.send(order(bob, { id: "m1" }), { until: "delivered" });
    const seen: Receipt[] = [];
    const coffee = order(bob, { id: "m1", body: { item: "coffee" } });
    const handled = second.send(coffee, { until: "handled", onReceipt: (receipt) => seen.push(receipt) });
    handled.catch(() => undefined);
    // Another node is not sent the same message twice.
    await expect.poll(() => states(seen)).toEqual(bob === NEAR ? ["queued"] : []);
    expect(seen.filter(({ digest }) => digest !== undefined)).toEqual([]);
    acks[0]?.();
    // The recipient has handled the first one.
    const failed: unknown = await handled.catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "receipt_mismatch" });
    expect((failed as ReceiptError).receipts.at(-1)).toMatchObject({ state: "handled", digest: tea[0]?.digest });
  });

  it("say queued while the agent is away, and more when it is back", async () => {
    await (await shop(bob, () => undefined)).close();
    const alice = await places.client("a", ALICE).connect();
    const seen: Receipt[] = [];
    const queued = await alice.send(order(bob), { until: "queued", onReceipt: (receipt) => seen.push(receipt) });
    expect(states(queued)).toEqual(["queued"]);
    await shop(bob, () => undefined);
    await expect.poll(() => states(seen)).toEqual(["queued", "delivered", "handled"]);
  });

  it("say delivered before a durable handler has acknowledged, and handled after it", async () => {
    const acks: (() => void)[] = [];
    await shop(bob, ({ ack }) => void acks.push(ack), true);
    const alice = await places.client("a", ALICE).connect();
    const seen: Receipt[] = [];
    const handled = alice.send(order(bob), { until: "handled", onReceipt: (receipt) => seen.push(receipt) });
    await expect.poll(() => states(seen)).toEqual(["queued", "delivered"]);
    await expect.poll(() => acks.length).toBe(1);
    acks[0]?.();
    expect(states(await handled)).toEqual(["queued", "delivered", "handled"]);
  });

  it("say failed with the problem code: the handler's, a failed handler's, and that of a message no agent takes", async () => {
    const outcomes = [
      () => Promise.reject(new ProblemReportError("e.p.req.out-of-stock", "no tea")),
      () => Promise.reject(new Error("private")),
      () => PASS,
    ];
    await shop(bob, () => outcomes.shift()?.());
    const alice = await places.client("a", ALICE).connect();
    for (const problemCode of ["e.p.req.out-of-stock", "e.p.xfer.cant-process", "e.p.msg.unsupported"]) {
      const failed: unknown = await alice.send(order(bob), { until: "handled" }).catch((error: unknown) => error);
      expect(failed).toMatchObject({ name: "ReceiptError", code: "receipt_failed", problemCode, retryable: false, pending: [] });
      const { receipts } = failed as { receipts: Receipt[] };
      expect(states(receipts)).toEqual(["queued", "delivered", "failed"]);
      expect(receipts.at(-1)).toMatchObject({ from: bob, code: problemCode, signed: expect.any(String) as string });
    }
  });

  it("say failed when the message expires", async () => {
    await (await shop(bob, () => undefined)).close();
    const alice = await places.client("a", ALICE).connect();
    const expiresTime = Math.ceil(Date.now() / 1000) + 2;
    await expect(alice.send(order(bob, { expiresTime }), { until: "delivered" })).rejects.toMatchObject({
      code: "receipt_failed",
      problemCode: "e.p.msg.expired",
      receipts: [{ state: "queued" }, { state: "failed", code: "e.p.msg.expired" }],
    });
    expect(places.errors).toEqual([]);
  });

  it("are not sent for plain messages, nor for receipts and other messages' ids", async () => {
    const seen: unknown[] = [];
    await shop(bob, ({ id }) => void seen.push(id));
    const alice = await places.client("a", ALICE).connect();
    await alice.send(order(bob, { id: "plain" }));
    await alice.send(order(bob, { id: "other", headers: { please_ack: ["plain"] } }));
    await alice.send({ type: "https://parley.dev/receipts/1.0/receipt", to: bob, headers: { please_ack: [""] } });
    await alice.send(order(bob, { id: "last" }));
    await expect.poll(() => seen).toEqual(["plain", "other", "last"]);
    const node: Name = bob === NEAR ? "a" : "b";
    expect(await places.metric(node, 'receipts_total{state="queued"}')).toBe(0);
    expect(await places.metric(node, 'receipts_total{state="handled"}')).toBe(0);
  });
});

describe("a send with receipts", () => {
  it("waits for all recipients, and fails with the first that fails", async () => {
    await shop(NEAR, () => undefined);
    let fails = false;
    await shop(FAR, () => {
      if (fails) throw new ProblemReportError("e.p.req.closed", "closed");
    });
    const alice = await places.client("a", ALICE).connect();
    const receipts = await alice.send(order([NEAR, FAR]), { until: "handled" });
    for (const bob of [NEAR, FAR]) {
      expect(states(receipts.filter(({ from }) => from === bob))).toEqual(["queued", "delivered", "handled"]);
    }
    fails = true;
    await expect(alice.send(order([NEAR, FAR]), { until: "handled" })).rejects.toMatchObject({ problemCode: "e.p.req.closed" });
  });

  it("times out with what is known, and succeeds at once when it is repeated after the receipts have come", async () => {
    const acks: (() => void)[] = [];
    await shop(NEAR, ({ ack }) => void acks.push(ack), true);
    const alice = await places.client("a", ALICE).connect();
    const seen: Receipt[] = [];
    const onReceipt = (receipt: Receipt): unknown => seen.push(receipt);
    const tea = order(NEAR, { id: "m1" });
    await expect(alice.send(tea, { until: "handled", timeoutMs: 500, onReceipt })).rejects.toMatchObject({
      name: "ReceiptError",
      code: "receipt_timeout",
      retryable: true,
      messageId: "m1",
      pending: [NEAR],
    });
    acks[0]?.();
    await expect.poll(() => states(seen)).toEqual(["queued", "delivered", "handled"]);
    expect(states(await alice.send(tea, { until: "handled" }))).toEqual(["queued", "delivered", "handled"]);
    expect(acks).toHaveLength(1);
  });

  it("rejects as any other send if the node refuses the message", async () => {
    const alice = await places.client("a", ALICE).connect();
    const unknown = alice.send(order("did:web:a.localhost:nobody"), { until: "handled" });
    await expect(unknown).rejects.toBeInstanceOf(ServerRejectError);
  });

  it("fails with the problem that the sender's own node reports", async () => {
    const alice = await places.client("a", ALICE).connect();
    await expect(alice.send(order("did:web:b.localhost:nobody"), { until: "queued" })).rejects.toMatchObject({
      code: "receipt_failed",
      problemCode: expect.stringMatching(/^e\./) as string,
      receipts: [],
    });
    expect(places.errors).toEqual([]);
  });

  it("fails with the policy that denies the message after it was accepted", async () => {
    await places.stop("b");
    await places.start("b", { policies: [{ did: FAR, credentials: [{ type: "Employee", issuers: ["did:web:b.localhost:hr"] }] }] });
    await shop(FAR, () => undefined);
    const alice = await places.client("a", ALICE).connect();
    await expect(alice.send(order(FAR), { until: "queued" })).rejects.toMatchObject({
      code: "receipt_failed",
      problemCode: "e.m.authz.denied",
      receipts: [{ state: "failed", code: "e.m.authz.denied" }],
    });
  });

  it("is confirmed by the node for the protocols that it answers itself", async () => {
    await shop(NEAR, () => undefined);
    const alice = await places.client("a", ALICE).connect();
    const receipts = await alice.send({ type: PING, to: NEAR, body: { response_requested: false } }, { until: "handled" });
    expect(states(receipts)).toEqual(["handled"]);
  });

  it("works from a joined DID, and to the agent itself", async () => {
    const alice = places.client("a", ALICE);
    alice.handle(`${ORDERS}/create`, () => undefined);
    await alice.connect();
    const carol = await alice.joinDid("did:web:a.localhost:carol");
    expect(states(await carol.send(order(ALICE), { until: "handled" }))).toEqual(["queued", "delivered", "handled"]);
    expect(states(await alice.send(order(ALICE), { until: "handled" }))).toEqual(["queued", "delivered", "handled"]);
    expect(places.errors).toEqual([]);
  });

  it("finds its receipts although another connection of the DID is newer", async () => {
    await shop(NEAR, () => undefined);
    const alice = await places.client("a", ALICE).connect();
    const newer = places.client("a", ALICE);
    newer.handle("https://shop.example/news/1.0/print", () => undefined);
    await newer.connect();
    expect(states(await alice.send(order(NEAR), { until: "handled" }))).toEqual(["queued", "delivered", "handled"]);
    expect(newer.rejectedReceipts).toEqual(new Map([["receipt_unknown_message", 3]]));
  });

  it("ends with its signal and with the client", async () => {
    await shop(NEAR, () => undefined, true);
    const alice = await places.client("a", ALICE).connect();
    const abort = new AbortController();
    const seen: Receipt[] = [];
    const aborted = alice.send(order(NEAR), { until: "handled", signal: abort.signal, onReceipt: (receipt) => seen.push(receipt) });
    await expect.poll(() => states(seen)).toEqual(["queued", "delivered"]);
    abort.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    const closed = alice.send(order(NEAR), { until: "handled", timeoutMs: Infinity });
    const ended = expect(closed).rejects.toMatchObject({ code: "client_closed" });
    await alice.close();
    await ended;
  });

  it.each<[object, string]>([
    [{ until: "failed" }, 'Option "until" must be queued, delivered or handled'],
    [{ until: "handled", fireAndForget: true }, "fireAndForget"],
    [{ until: "handled", onReceipt: 1 }, 'Option "onReceipt" must be a function'],
    [{ until: "handled", onPlaintext: 1 }, 'Option "onPlaintext" must be a function'],
    [{ until: "handled", timeoutMs: -1 }, "timeoutMs"],
  ])("checks its options: %j", async (options, message) => {
    const alice = await places.client("a", ALICE).connect();
    await expect(alice.send(order(NEAR), options as never)).rejects.toThrow(message);
  });
});

it.each([
  ["on its node", NEAR],
  ["on another node", FAR],
])("an agent that holds its keys itself gets receipts of agents %s that do not, and gives them its own", async (_, bob) => {
  const seen: unknown[] = [];
  await shop(bob, ({ id }) => void seen.push(id));
  const hosts = { "a.localhost": places.node("a").httpUrl, "b.localhost": places.node("b").httpUrl };
  const own = places.client("a", "did:web:a.localhost:own", { keys: "agent", keyStore: new MemoryKeyStore(), resolution: { hosts } });
  own.handle(`${ORDERS}/create`, ({ id }) => void seen.push(id));
  await own.connect();
  expect(states(await own.send(order(bob, { id: "m1" }), { until: "handled" }))).toEqual(["queued", "delivered", "handled"]);
  const alice = await places.client("a", ALICE).connect();
  expect(states(await alice.send(order(own.did, { id: "m2" }), { until: "handled" }))).toEqual(["delivered", "handled"]);
  expect(seen).toEqual(["m1", "m2"]);
  expect(places.errors).toEqual([]);
});

it("a mediator gives no receipts: they come from the recipient's own node, once the agent has fetched the message", async () => {
  const mediator = "did:web:m.localhost:inbox";
  await places.start("m", { mediator });
  const bob = await shop(FAR, () => undefined);
  expect(await mediation.bootstrap(bob, mediator, { live: false })).toMatchObject({ ok: true });
  const alice = await places.client("a", ALICE).connect();
  const seen: Receipt[] = [];
  const handled = alice.send(order(FAR), { until: "handled", onReceipt: (receipt) => seen.push(receipt) });
  const waiting = async (): Promise<unknown> => {
    const result = await mediation.status(bob, mediator);
    return result.ok && result.status["message_count"];
  };
  await expect.poll(waiting).toBe(1);
  expect(seen).toEqual([]);
  expect(await mediation.pickup(bob, mediator)).toMatchObject({ ok: true, collected: 1 });
  expect(states(await handled)).toEqual(["queued", "delivered", "handled"]);
});
