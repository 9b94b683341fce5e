import { createMessage, isJsonObject, NodeTransportError, RejectedError, type JsonObject, type ParleyError } from "@parley/core";
import { expect, it } from "vitest";
import { AgentReceipts, type ReceivedMessage } from "../../src/end-to-end/agent-receipts.ts";
import { Keyring } from "../../src/end-to-end/keyring.ts";
import { MemoryKeyStore } from "./memory-key-store.ts";

const ALICE = "did:web:a.example:alice";
const BOB = "did:web:b.example:bob";

function received(attempt = 1, id = "m1"): ReceivedMessage {
  const message = createMessage({
    id,
    type: "https://shop.example/orders/1.0/create",
    from: ALICE,
    to: BOB,
    headers: { please_ack: [""] },
  });
  return { message, sender: ALICE, tag: `tag of ${id}`, attempt, digest: undefined };
}

/** Receipts over a link that `send` stands for. */
async function receiptsOver(send: (plaintext: JsonObject) => Promise<unknown>) {
  const failures: ParleyError[] = [];
  const sent: JsonObject[] = [];
  const keyring = await Keyring.open(new MemoryKeyStore(), BOB, 0);
  const receipts = new AgentReceipts({
    keyring,
    send: async (plaintext) => {
      await send(plaintext);
      sent.push(plaintext);
    },
    onFailure: (error) => failures.push(error),
  });
  const said = () => sent.map(({ body }) => (isJsonObject(body) ? [body["state"], body["code"]] : []));
  return { receipts, failures, sent, said };
}

it("says each state once, in order, and nothing after the last one", async () => {
  const { receipts, said, sent } = await receiptsOver(() => Promise.resolve());
  const all = [receipts.delivered(received()), receipts.delivered(received()), receipts.ended(received(), undefined)];
  await Promise.all(all);
  expect(await receipts.ended(received(), "e.p.msg.expired")).toBe(true);
  await receipts.delivered(received());
  expect(said()).toEqual([
    ["delivered", undefined],
    ["handled", undefined],
  ]);
  // Sent again by its sender: the same receipt.
  await receipts.ended({ ...received(), tag: "another" }, undefined);
  expect(sent[2]?.["id"]).toBe(sent[1]?.["id"]);
  expect(sent[1]?.["id"]).not.toBe(sent[0]?.["id"]);
});

it("keeps a message at the node while the link is down, and reports nothing", async () => {
  let isDown = true;
  const down = () => (isDown ? Promise.reject(new NodeTransportError("disconnected", "down")) : Promise.resolve());
  const { receipts, failures, said } = await receiptsOver(down);
  await receipts.delivered(received());
  for (const attempt of [1, 2, 9]) expect(await receipts.ended(received(attempt), "e.p.x")).toBe(false);
  isDown = false;
  expect(await receipts.ended(received(10), "e.p.x")).toBe(true);
  expect(said()).toEqual([["failed", "e.p.x"]]);
  expect(failures).toEqual([]);
});

it("tries a receipt with three deliveries that the node refuses for the moment, and once if it refuses permanently", async () => {
  let problem = "e.p.me.res.inbox";
  const { receipts, failures } = await receiptsOver(() => Promise.reject(new RejectedError("rejected", "refused", "refused", problem)));
  expect(await receipts.ended(received(1), undefined)).toBe(false);
  expect(await receipts.ended(received(2), undefined)).toBe(false);
  expect(await receipts.ended(received(3), undefined)).toBe(true);
  problem = "e.m.authz.denied";
  expect(await receipts.ended(received(1), undefined)).toBe(true);
  expect(failures.map(({ retryable }) => retryable)).toEqual([true, true, true, false]);
});

it("limits how many wait for the node, and the length of codes", async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const { receipts, sent, said } = await receiptsOver(() => held);
  const all = Array.from({ length: 1500 }, (_, n) => receipts.delivered(received(1, `m${n}`)));
  release();
  await Promise.all(all);
  expect(sent).toHaveLength(1000);
  await receipts.ended(received(1, "long"), `e.p.${"x".repeat(1000)}`);
  expect(String(said().at(-1)?.[1])).toHaveLength(256);
});
