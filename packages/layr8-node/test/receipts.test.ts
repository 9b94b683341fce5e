import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode } from "../src/node.ts";
import type { Layr8Node } from "../src/layr8-node.ts";
import { RawAgent, type RawJoin } from "./raw-agent.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const RECEIPT = "https://parley.dev/receipts/1.0/receipt";
const REPORT = "https://didcomm.org/report-problem/2.0/problem-report";
const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";

let node: Layr8Node;
let agents: RawAgent[];

async function join(did: string, options: RawJoin = {}): Promise<RawAgent> {
  const agent = await RawAgent.join(node, { did, protocols: [ECHO], replyProtocol: true, ...options });
  agents.push(agent);
  return agent;
}

function toBob(id: string, more: object = {}): object {
  return { id, type: `${ECHO}/request`, from: ALICE, to: [BOB], body: {}, ...more };
}

/** SHA-256 of a message as a raw agent writes it. */
function digestOf(message: object): string {
  return createHash("sha256").update(JSON.stringify(message)).digest("base64url");
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${node.metricsUrl}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`layr8_node_${name} `));
  return Number(line?.split(" ").at(-1) ?? 0);
}

beforeEach(async () => {
  agents = [];
  node = await startNode({ port: 0, logger: false, limits: { maxInboxMessages: 16 } });
});
afterEach(async () => {
  for (const agent of agents) agent.close();
  await node.close();
});

describe("an agent that knows nothing of receipts", () => {
  it("gets only the standard header, and its acknowledgement is confirmed by its node", async () => {
    const [alice, bob] = [await join(ALICE), await join(BOB)];
    const message = toBob("1", { please_ack: [""] });
    await alice.send(message);
    const arrived = await bob.receive();
    expect(arrived.plaintext).toEqual(message);
    bob.reply("1", "handled");
    const receipts = [await alice.receive(), await alice.receive(), await alice.receive()].map(({ plaintext }) => plaintext);
    const digest = digestOf(message);
    expect(receipts.map(({ body }) => body)).toEqual(
      ["queued", "delivered", "handled"].map((state) => ({ message_id: "1", state, digest })),
    );
    for (const receipt of receipts) {
      expect(receipt).toMatchObject({ type: RECEIPT, from: BOB, to: [ALICE], created_time: expect.any(Number) as number });
      // It belongs to no thread: SDKs take any message on the thread of a request for its response.
      expect(receipt).not.toHaveProperty("thid");
      expect(receipt).not.toHaveProperty("pthid");
      expect(receipt).not.toHaveProperty("please_ack");
    }
    expect(receipts.map(({ ack }) => ack)).toEqual([undefined, undefined, ["1"]]);
  });

  it("gets no report of receipts on which the sender's agent passes", async () => {
    const [alice, bob] = [await join(ALICE), await join(BOB)];
    await alice.send(toBob("1", { please_ack: ["1"] }));
    await bob.receive();
    alice.reply(String((await alice.receive()).plaintext["id"]), "pass");
    alice.reply(String((await alice.receive()).plaintext["id"]), "error", { code: "e.p.req.unknown" });
    await expect.poll(() => metric("inbox_messages")).toBe(1);
    await alice.send(toBob("2"));
    expect((await bob.receive()).plaintext["id"]).toBe("2");
  });
});

describe("receipts", () => {
  it.each<[string, object]>([
    ["no header", {}],
    ["an empty list", { please_ack: [] }],
    ["another message's id", { please_ack: ["0"] }],
    ["a text", { please_ack: "1" }],
    ["numbers", { please_ack: [1] }],
  ])("are not sent for %s", async (_, more) => {
    const [alice, bob] = [await join(ALICE), await join(BOB)];
    await alice.send(toBob("1", more));
    await bob.receive();
    bob.reply("1", "handled");
    await alice.send(toBob("2", { please_ack: ["2"] }));
    expect((await alice.receive()).plaintext["body"]).toMatchObject({ message_id: "2", state: "queued" });
    expect(await metric('receipts_total{state="handled"}')).toBe(0);
  });

  it("are not sent for receipts, which can ask for them in a loop", async () => {
    const [alice, bob] = [await join(ALICE), await join(BOB)];
    await alice.send({ id: "1", type: RECEIPT, from: ALICE, to: [BOB], please_ack: ["", "1"], body: {} });
    expect((await bob.receive()).plaintext["id"]).toBe("1");
    bob.reply("1", "handled");
    await alice.send(toBob("2", { please_ack: [""] }));
    expect((await alice.receive()).plaintext["body"]).toMatchObject({ message_id: "2" });
  });

  it("repeat queued when a message comes again, with another id", async () => {
    const alice = await join(ALICE);
    const bob = await join(BOB);
    const message = toBob("1", { please_ack: [""] });
    await alice.send(message);
    const [first, second] = [await alice.receive(), await alice.receive()];
    expect([first, second].map(({ plaintext }) => plaintext["body"])).toMatchObject([{ state: "queued" }, { state: "delivered" }]);
    await alice.send(message);
    const again = await alice.receive();
    // The node does not know whether it has stored this text.
    expect(again.plaintext["body"]).toEqual({ message_id: "1", state: "queued" });
    expect(again.plaintext["id"]).not.toBe(first.plaintext["id"]);
    expect((await bob.receive()).plaintext["id"]).toBe("1");
    await expect.poll(() => metric("messages_delivered_total")).toBe(4);
  });

  it("of an agent that disconnects while it handles a message come once, from its next connection", async () => {
    const alice = await join(ALICE);
    const bob = await join(BOB);
    await alice.send(toBob("1", { please_ack: [""] }));
    await bob.receive();
    bob.close();
    const back = await join(BOB);
    expect((await back.receive()).context["attempt"]).toBe(2);
    back.reply("1", "handled");
    const bodies = [await alice.receive(), await alice.receive(), await alice.receive()].map(({ plaintext }) => plaintext["body"]);
    expect(bodies).toMatchObject([{ state: "queued" }, { state: "delivered" }, { state: "handled" }]);
  });

  it("say failed before the problem report", async () => {
    const alice = await join(ALICE);
    const bob = await join(BOB);
    await alice.send(toBob("1", { please_ack: [""] }));
    await bob.receive();
    bob.reply("1", "error", { code: "e.p.req.no", message: "no" });
    const types = [await alice.receive(), await alice.receive(), await alice.receive(), await alice.receive()];
    expect(types.map(({ plaintext }) => plaintext["type"])).toEqual([RECEIPT, RECEIPT, RECEIPT, REPORT]);
    expect(types[2]?.plaintext["body"]).toEqual({
      message_id: "1",
      state: "failed",
      code: "e.p.req.no",
      digest: digestOf(toBob("1", { please_ack: [""] })),
    });
  });

  it("are dropped for a sender whose inbox is full", async () => {
    (await join(ALICE)).close();
    const [carol, bob] = [await join("did:web:localhost:carol"), await join(BOB)];
    for (let n = 0; n < 13; n++) await carol.send({ id: `c${n}`, type: `${ECHO}/request`, from: carol.did, to: [ALICE], body: {} });
    const alice = await join(ALICE, { protocols: [] });
    await alice.send(toBob("1", { please_ack: [""] }));
    expect((await bob.receive()).plaintext["id"]).toBe("1");
    bob.reply("1", "handled");
    await alice.send(toBob("2", { please_ack: [""] }));
    expect((await bob.receive()).plaintext["id"]).toBe("2");
  });
});

it("a full inbox is refused with the problem code of a temporary error", async () => {
  const [alice, bob] = [await join(ALICE), await join(BOB)];
  bob.close();
  const replies: unknown[] = [];
  for (let n = 0; n < 16; n++) replies.push(((await alice.send(toBob(String(n)))) as { response: unknown }).response);
  expect(replies.at(-1)).toMatchObject({ reason: expect.stringContaining("inbox full") as string, code: "e.p.me.res.inbox" });
});

describe("the document of a DID by REST", () => {
  async function read(path: string, apiKey = node.apiKey ?? ""): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${node.httpUrl}/api/v1/dids/${path}`, { headers: { "x-api-key": apiKey } });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  it("is that of a hosted DID, and of a did:key", async () => {
    await join(BOB);
    expect(await read(`${BOB}/document`)).toMatchObject({
      status: 200,
      body: { did_document: { id: BOB, authentication: [`${BOB}#signing`], verificationMethod: [{ id: `${BOB}#signing` }, {}] } },
    });
    const key = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    expect(await read(`${encodeURIComponent(key)}/document`)).toMatchObject({ status: 200, body: { did_document: { id: key } } });
  });

  it.each<[string, number, string]>([
    ["did:example:nobody/document", 422, "method_not_supported"],
    ["nobody/document", 404, "not_found"],
    ["did:web:LOCALHOST:bob/document", 404, "not_found"],
    ["did:web:other.localhost:x/document", 422, "refused_address"],
  ])("%s is answered with %d %s", async (path, status, code) => {
    expect(await read(path)).toMatchObject({ status, body: { code } });
  });

  it("needs an API key", async () => {
    expect(await read(`${BOB}/document`, "wrong")).toMatchObject({ status: 401 });
  });
});
