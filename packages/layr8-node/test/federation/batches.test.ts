import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { stopClock } from "@parley/test-assertions";
import { BATCH_MEDIA_TYPE, encodeBatch } from "../../src/federation/envelope-batch.ts";
import { startNode } from "../../src/node.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { RawAgent } from "../raw-agent.ts";
import { BOB, ECHO, OK, Pair, toBob } from "./pair.ts";
import { keyOf, post, RemoteSender, type Posted } from "./remote-sender.ts";

describe("a batch posted to a node", () => {
  let remoteSender: RemoteSender;
  let node: Layr8Node;
  let bob: RawAgent;
  let to: Awaited<ReturnType<typeof keyOf>>;

  async function start(limits: NodeOptions["limits"] = {}): Promise<void> {
    node = await startNode({
      port: 0,
      domain: "b.localhost",
      logger: false,
      limits: { strangersPerSecond: 1000, ...limits },
      resolution: { hosts: { "m.localhost": remoteSender.origin } },
    });
    bob = await RawAgent.join(node, { did: BOB, protocols: [ECHO] });
    to = await keyOf(node);
  }

  function batch(...envelopes: readonly string[]): Promise<Posted> {
    return post(node, encodeBatch(envelopes), BATCH_MEDIA_TYPE);
  }
  const good = (id: string): string => remoteSender.pack(remoteSender.message(id), to);
  const received = async (count: number): Promise<readonly unknown[]> => {
    const ids: unknown[] = [];
    while (ids.length < count) {
      const { plaintext } = await bob.receive();
      ids.push(plaintext["id"]);
      bob.ack(String(plaintext["id"]));
    }
    return ids;
  };

  beforeEach(async () => {
    remoteSender = await RemoteSender.listen();
    await start();
  });
  afterEach(async () => {
    bob.close();
    await node.close();
    await remoteSender.close();
  });

  it("is offered in each response", async () => {
    for (const body of [good("1"), "junk"]) {
      const response = await fetch(`${node.httpUrl}/didcomm`, {
        method: "POST",
        headers: { "content-type": "application/didcomm-encrypted+json" },
        body,
      });
      expect(response.headers.get("accept-post")).toBe(`application/didcomm-encrypted+json, ${BATCH_MEDIA_TYPE}`);
    }
  });

  it("is delivered in its order, once each", async () => {
    const ids = Array.from({ length: 64 }, (_, index) => `b${index}`);
    const envelopes = ids.map(good);
    expect(await batch(...envelopes)).toMatchObject({ status: 202, text: "" });
    // The response was lost: posting it again delivers nothing twice.
    expect(await batch(...envelopes)).toMatchObject({ status: 202, text: "" });
    expect(await batch(good("last"))).toMatchObject({ status: 202 });
    expect(await received(65)).toEqual([...ids, "last"]);
  });

  it("is taken up to the first message that is rejected, and nothing behind it", async () => {
    const expired = remoteSender.pack(remoteSender.message("late", { expires_time: 1 }), to);
    const response = await batch(good("1"), good("2"), expired, good("3"));
    expect(response).toMatchObject({ status: 422, code: "e.p.msg.expired" });
    expect(JSON.parse(response.text)).toMatchObject({ accepted: 2 });
    expect(await batch(good("4"))).toMatchObject({ status: 202 });
    expect(await received(3)).toEqual(["1", "2", "4"]);
  });

  it("whose first message is rejected is rejected as that message is", async () => {
    const alone = await post(node, "junk");
    const together = await batch("junk", good("1"));
    expect([together.status, together.text]).toEqual([alone.status, alone.text]);
  });

  it.each(["", "{}", "\u001E{}\n".repeat(65)])("that has no envelopes, no separator or too many envelopes is rejected", async (body) => {
    expect(await post(node, body, BATCH_MEDIA_TYPE)).toMatchObject({ status: 400, code: "bad_request" });
  });

  it("of more bytes than one may have is rejected, one of as many is read", async () => {
    bob.close();
    await node.close();
    await start({ maxEnvelopeBytes: 100_000 });
    const half = remoteSender.pack(remoteSender.message("half", { body: { text: "x".repeat(60_000) } }), to);
    expect(await batch(half, good("1"), good("2"))).toMatchObject({ status: 202 });
    expect(await batch(half, half, half, half)).toMatchObject({ status: 413, code: "too_large" });
    const single = remoteSender.pack(remoteSender.message("single", { body: { text: "x".repeat(80_000) } }), to);
    expect(await batch(single)).toMatchObject({ status: 413, code: "too_large" });
    expect(await received(3)).toEqual(["half", "1", "2"]);
  });

  it("counts each message for the sender's rate", async () => {
    bob.close();
    await node.close();
    stopClock();
    await start({ remoteMessagesPerSecond: 5 });
    const response = await batch(...Array.from({ length: 20 }, (_, index) => good(`r${index}`)));
    expect(response).toMatchObject({ status: 429, code: "rate_limited" });
    const { accepted } = JSON.parse(response.text) as { accepted: number };
    expect(accepted).toBe(5);
    expect(await received(5)).toEqual(["r0", "r1", "r2", "r3", "r4"]);
  });
});

it("two nodes keep the order of many messages of one pair, and each is answered", async () => {
  const pair = await Pair.start();
  onTestFinished(() => pair.close());
  const alice = await pair.alice();
  const bob = await pair.bob();
  const ids = Array.from({ length: 300 }, (_, index) => `p${index}`);
  for (const id of ids) alice.client.send([null, id, alice.topic, "message", toBob(id)]);
  for (const id of ids) {
    const { plaintext } = await bob.receive();
    expect(plaintext["id"]).toBe(id);
    bob.ack(id);
  }
  const replies = await Promise.all(ids.map(() => alice.event("phx_reply")));
  for (const [, , , , payload] of replies) expect(payload).toMatchObject(OK);
  expect(new Set(replies.map(([, ref]) => ref))).toEqual(new Set(ids));
});
