import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode } from "../src/node.ts";
import type { Layr8Node } from "../src/layr8-node.ts";
import { RawClient } from "./phoenix/raw-client.ts";
import { RawAgent } from "./raw-agent.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const SECRET = "a-secret-that-belongs-in-no-log";

let lines: Record<string, unknown>[];
let node: Layr8Node;

const line = (msg: string): Record<string, unknown> | undefined => lines.find((entry) => entry["msg"] === msg);
const message = (id: string) => ({ id, type: `${ECHO}/request`, from: ALICE, to: [BOB], body: { SECRET } });

beforeEach(async () => {
  lines = [];
  const logger = pino({ level: "debug" }, { write: (text) => void lines.push(JSON.parse(text) as Record<string, unknown>) });
  node = await startNode({ port: 0, logger, limits: { ackTimeoutMs: 20 }, apiKeys: [{ key: `${SECRET}-key`, dids: [ALICE, BOB] }] });
});

afterEach(async () => {
  await node.close();
  const text = JSON.stringify(lines);
  expect(text).not.toContain(SECRET);
});

const join = (did: string, more: object = {}) => RawAgent.join(node, { did, apiKey: `${SECRET}-key`, protocols: [ECHO], ...more });

describe("the node's log", () => {
  it("shows connections, joins, takeovers and their ends at debug, takeovers at info", async () => {
    const first = await join(BOB);
    const second = await join(BOB);
    expect(line("connected")).toMatchObject({ level: 20, address: expect.stringContaining("127.0.0.1") as string });
    expect(line("joined")).toMatchObject({ level: 20, did: BOB, protocols: expect.arrayContaining([ECHO]) as string[] });
    expect(line("took a protocol of this DID over from another connection")).toMatchObject({ level: 30, did: BOB });
    await first.event("phx_close");
    expect(line("left")).toMatchObject({ level: 20, did: BOB, end: "closed" });
    first.close();
    await first.client.closed;
    await expect.poll(() => line("disconnected")).toBeDefined();
    second.close();
  });

  it("shows at warn which clients were active while the event loop was held", async () => {
    const alice = await join(ALICE);
    const [key] = node.listApiKeys();
    const hold = async (): Promise<unknown> => {
      await alice.client.push("phoenix", "heartbeat", {});
      const until = performance.now() + 250;
      while (performance.now() < until);
      // The watchdog's timer is due.
      await new Promise((resolve) => setTimeout(resolve, 1));
      return lines.findLast(({ msg, active }) => msg === "event loop held" && Array.isArray(active) && active.length > 0);
    };
    await expect
      .poll(hold)
      .toMatchObject({ level: 40, heldMs: expect.any(Number) as number, active: [{ account: key?.id, what: "frame", count: 1 }] });
    alice.close();
  });

  it("shows rejected API keys at info, without the keys, at a limited rate", async () => {
    for (let n = 0; n < 5; n++) await expect(RawClient.open(node.url, { "x-api-key": `${SECRET}-${n}` })).rejects.toThrow("HTTP 403");
    const refused = lines.filter(({ msg }) => msg === "API key refused");
    expect(refused[0]).toMatchObject({ level: 30, door: "socket", address: expect.stringContaining("127.0.0.1") as string });
    expect(refused.length).toBeLessThan(5);
  });

  it("shows rejected API keys of REST calls", async () => {
    await fetch(`${node.httpUrl}/api/v1/credentials?holder_did=${BOB}`, { headers: { "x-api-key": SECRET } });
    expect(line("API key refused")).toMatchObject({ level: 30, door: "rest" });
  });

  it("shows rejected joins and messages with their reasons", async () => {
    await expect(join("did:web:acme.example:a")).rejects.toThrow(
      `"comment":"this API key may bind ${ALICE}, ${BOB}, not did:web:acme.example:a"`,
    );
    expect(line("join refused")).toMatchObject({ level: 20, topic: "plugins:did:web:acme.example:a", reason: "unauthorized" });
    await expect(join("did:web:a b")).rejects.toThrow("invalid DID: did:web:a b is not like did:web:localhost:agent");
    const alice = await join(ALICE);
    await alice.send(message("1"));
    expect(line("message refused")).toMatchObject({
      level: 20,
      did: ALICE,
      reason: expect.stringContaining("unknown recipient") as string,
    });
    alice.close();
  });

  it("shows each message at debug when it is accepted, delivered and settled, with its length and without its body", async () => {
    const [alice, bob] = [await join(ALICE), await join(BOB, { replyProtocol: true })];
    await alice.send(message("m-1"));
    await bob.receive();
    const about = { id: "m-1", type: `${ECHO}/request`, from: ALICE };
    await expect.poll(() => line("message accepted")).toMatchObject({ level: 20, ...about, to: [BOB] });
    expect(line("message accepted")?.["length"]).toBeGreaterThan(50);
    expect(line("message delivered")).toMatchObject({ level: 20, ...about, recipient: BOB });
    bob.reply("m-1", "handled");
    await expect.poll(() => line("message settled")).toMatchObject({ level: 20, ...about, recipient: BOB, settlement: "handled" });
    alice.close();
    bob.close();
  });

  it("shows redeliveries at debug, the third one at warn, and dead letters", async () => {
    const [alice, bob] = [await join(ALICE), await join(BOB, { replyProtocol: true })];
    await alice.send(message("m-1"));
    for (let attempt = 1; attempt <= 5; attempt++) expect((await bob.receive()).context["attempt"]).toBe(attempt);
    const about = { id: "m-1", type: `${ECHO}/request`, from: ALICE, recipient: BOB };
    expect(line("message redelivered")).toMatchObject({ level: 20, attempt: 2, ...about });
    const warnings = lines.filter(({ level }) => level === 40);
    expect(warnings.filter(({ msg }) => String(msg).startsWith("message redelivered"))).toMatchObject([{ attempt: 4, ...about }]);
    bob.reply("m-1", "pass");
    await alice.receive();
    expect(line("message dead-lettered")).toMatchObject({ level: 20, cause: "unhandled", ...about });
    alice.close();
    bob.close();
  });
});
