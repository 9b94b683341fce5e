import { createHash, generateKeyPairSync } from "node:crypto";
import { packSigned } from "@parley/didcomm-crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Client, JsonObject, MessageInit, Receipt, ReceiptRejectionCode } from "../../src/index.ts";
import { LyingNode } from "../end-to-end/lying-node.ts";
import { ALICE, NEAR as BOB, order, ORDERS, Places } from "./places.ts";

const RECEIPT = "https://parley.dev/receipts/1.0/receipt";
const EMPTY = "https://didcomm.org/empty/1.0/empty";
const MALLORY = "did:web:a.localhost:mallory";
const PING = "https://didcomm.org/trust-ping/2.0/ping";

let places: Places;
let alice: Client;
let bob: Client;
let mallory: Client;
/** Receipts that Alice's program has got. */
let seen: Receipt[];
/** Acknowledges the order `m1`, which waits for that. */
let acknowledge: () => void;
let handled: Promise<readonly Receipt[]>;

beforeEach(async () => {
  places = await Places.create("a");
  seen = [];
  bob = places.client("a", BOB);
  bob.handle(`${ORDERS}/create`, ({ ack }) => void (acknowledge = ack), { manualAck: true });
  await bob.connect();
  mallory = await places.client("a", MALLORY).connect();
  alice = await places.client("a", ALICE).connect();
  handled = alice.send(order(BOB, { id: "m1" }), { until: "handled", onReceipt: (receipt) => seen.push(receipt) });
  handled.catch(() => undefined);
  await expect.poll(() => seen.map(({ state }) => state)).toEqual(["queued", "delivered"]);
});
afterEach(() => places.close());

/** The signed receipt with a state, which the node has made. */
function genuine(state: Receipt["state"]): JsonObject {
  return JSON.parse(seen.find((receipt) => receipt.state === state)?.signed ?? "") as JsonObject;
}

/** A receipt that is signed with another key than Bob's, whose id it names. */
function signedByOther(body: object): JsonObject {
  const { privateKey } = generateKeyPairSync("ed25519");
  const message = JSON.stringify({ id: "r", type: RECEIPT, from: BOB, to: [ALICE], body });
  return JSON.parse(packSigned(message, { kid: `${BOB}#signing`, privateKey })) as JsonObject;
}

function receipt(body: object, signed?: JsonObject): MessageInit {
  const attachments = signed === undefined ? [] : [{ data: { json: signed } }];
  return { type: RECEIPT, to: ALICE, body, attachments };
}

const saysHandled = { message_id: "m1", state: "handled" };

const ATTACKS: readonly [name: string, code: ReceiptRejectionCode, by: () => Client, message: () => MessageInit][] = [
  ["a signature with another key", "receipt_forged", () => bob, () => receipt(saysHandled, signedByOther(saysHandled))],
  [
    "a genuine receipt whose payload was changed",
    "receipt_forged",
    () => bob,
    () => {
      const signed = genuine("queued");
      const payload = Buffer.from(String(signed["payload"]), "base64url").toString().replace("queued", "handled");
      return receipt(saysHandled, { ...signed, payload: Buffer.from(payload).toString("base64url") });
    },
  ],
  [
    "a receipt without a signature",
    "receipt_forged",
    () => bob,
    () => receipt(saysHandled, { id: "r", type: RECEIPT, from: BOB, body: saysHandled }),
  ],
  ["a genuine receipt from another agent", "receipt_wrong_sender", () => mallory, () => receipt(saysHandled, genuine("queued"))],
  ["a genuine receipt with another state", "receipt_altered", () => bob, () => receipt(saysHandled, genuine("delivered"))],
  [
    "a genuine receipt with another code",
    "receipt_altered",
    () => bob,
    () => receipt({ message_id: "m1", state: "failed", code: "e.p.msg.expired" }, genuine("delivered")),
  ],
  ["a genuine receipt again", "receipt_replayed", () => bob, () => receipt({ message_id: "m1", state: "delivered" }, genuine("delivered"))],
  [
    "a receipt for a message that was never sent",
    "receipt_unknown_message",
    () => bob,
    () => receipt({ message_id: "m2", state: "handled" }, genuine("delivered")),
  ],
  ["no signed receipt", "receipt_malformed", () => bob, () => receipt(saysHandled)],
  ["an unknown state", "receipt_malformed", () => bob, () => receipt({ message_id: "m1", state: "done" }, genuine("delivered"))],
];

it.each(ATTACKS)("%s is rejected as %s, and counts for nothing", async (_, code, by, message) => {
  await by().send(message());
  await expect.poll(() => [...alice.rejectedReceipts]).toEqual([[code, 1]]);
  expect(places.errors).toMatchObject([{ kind: "receipt", cause: { code } }]);
  expect(seen.map(({ state }) => state)).toEqual(["queued", "delivered"]);
  acknowledge();
  expect((await handled).map(({ state }) => state)).toEqual(["queued", "delivered", "handled"]);
});

it("a genuine receipt of another message is rejected", async () => {
  const second: Receipt[] = [];
  const other = alice.send(order(BOB, { id: "m2" }), { until: "delivered", onReceipt: (each) => second.push(each) });
  await other;
  await bob.send(receipt({ message_id: "m2", state: "handled" }, genuine("delivered")));
  await expect.poll(() => [...alice.rejectedReceipts]).toEqual([["receipt_other_message", 1]]);
  expect(second.map(({ state }) => state)).toEqual(["queued", "delivered"]);
});

it("a receipt for another sender is rejected", async () => {
  const others: Receipt[] = [];
  await mallory.send(order(BOB, { id: "m1" }), { until: "queued", onReceipt: (each) => others.push(each) });
  const signed = JSON.parse(others[0]?.signed ?? "") as JsonObject;
  // Alice knows the state of her own message, so another one is claimed.
  await bob.send(receipt(saysHandled, signed));
  await expect.poll(() => [...alice.rejectedReceipts]).toEqual([["receipt_other_message", 1]]);
});

it("an earlier state after a later one is rejected", async () => {
  const ping = { id: "p1", type: PING, to: BOB, body: { response_requested: false } };
  await alice.send(ping, { until: "handled" });
  await bob.send(receipt({ message_id: "p1", state: "queued" }, genuine("queued")));
  await expect.poll(() => [...alice.rejectedReceipts]).toEqual([["receipt_out_of_order", 1]]);
});

it("a plain acknowledgement says delivered, from a recipient only, and never handled", async () => {
  // Its node does not have the key, and sends no receipts.
  const did = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
  const carol = places.client("a", did);
  carol.handle(`${ORDERS}/create`, () => undefined);
  await carol.connect();
  const acks: Receipt[] = [];
  const delivered = alice.send(order(did, { id: "m2" }), { until: "delivered", onReceipt: (each) => acks.push(each) });
  const ack = { type: EMPTY, to: ALICE, threadId: "m2", headers: { ack: ["m2", "m1"] } };
  await mallory.send(ack);
  await expect.poll(() => places.errors).toMatchObject([{ kind: "no_handler", from: MALLORY }]);
  expect(acks).toEqual([]);
  await carol.send(ack);
  expect(await delivered).toEqual([{ state: "delivered", messageId: "m2", from: did }]);
  await expect(alice.send(order(did, { id: "m2" }), { until: "handled", timeoutMs: 300 })).rejects.toMatchObject({
    code: "receipt_timeout",
  });
  expect(seen.map(({ state }) => state)).toEqual(["queued", "delivered"]);
});

it("a message that was changed on its way to the node ends with receipt_mismatch, and the receipt that proves it", async () => {
  const liar = await LyingNode.listen(places.node("a").url, { answersRest: true });
  liar.fromAgent = ([joinRef, ref, topic, event, payload]) => [
    [joinRef, ref, topic, event, event === "message" ? { ...payload, body: { item: "coffee" } } : payload],
  ];
  const carol = await places.client("a", "did:web:a.localhost:carol", { nodeUrl: liar.url }).connect();
  const texts: string[] = [];
  const sent = carol.send(order(BOB, { id: "m3" }), { until: "handled", onPlaintext: (text) => texts.push(text) });
  const failed: unknown = await sent.catch((error: unknown) => error);
  const received = (texts[0] ?? "").replace("tea", "coffee");
  const digest = createHash("sha256").update(received).digest("base64url");
  expect(failed).toMatchObject({
    code: "receipt_mismatch",
    retryable: false,
    receipts: [{ state: "queued", from: BOB, digest, signed: expect.any(String) as string }],
  });
  expect(carol.rejectedReceipts.get("receipt_mismatch")).toBeGreaterThan(0);
  await carol.close();
  await liar.close();
});
