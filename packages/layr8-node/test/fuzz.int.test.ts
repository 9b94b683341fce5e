import { once, setMaxListeners } from "node:events";
import { gateOrSoak, randomFrom, SEED } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it, onTestFailed } from "vitest";
import { WebSocket } from "ws";
import { startNode } from "../src/node.ts";
import type { Layr8Node } from "../src/layr8-node.ts";
import { JUNK, junkFrame, mutate, pick } from "./fuzz/junk.ts";
import { breakProtocol } from "./fuzz/raw-bytes.ts";
import { RawAgent } from "./raw-agent.ts";

const ROUNDS = gateOrSoak(60, 1500);
const PROTOCOL = "https://layr8.io/protocols/secret/1.0";
const [ALICE, BOB] = ["did:web:localhost:alice", "did:web:localhost:bob"];
const MALLORY = "did:web:localhost:mallory";
/** In every message between the agents that behave. */
const SECRET = "for-bob-and-alice-only";

let node: Layr8Node;
let apiKey: string;
let unhandled: unknown[];
const onUnhandled = (error: unknown) => void unhandled.push(error);

beforeEach(async () => {
  unhandled = [];
  process.on("uncaughtException", onUnhandled).on("unhandledRejection", onUnhandled);
  node = await startNode({ port: 0, logger: false });
  apiKey = (await node.createApiKey({ name: "mallory", dids: [`${MALLORY}:*`] })).key;
});

afterEach(async () => {
  await node.close();
  process.off("uncaughtException", onUnhandled).off("unhandledRejection", onUnhandled);
});

/** A socket of the fuzzer: every frame that it gets must be one, and none may hold what others say. */
class Fuzzer {
  readonly ws: WebSocket;
  readonly received: string[] = [];
  readonly closed: Promise<unknown>;

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on("message", (data) => this.received.push(String(data))).on("error", () => {});
    this.closed = once(ws, "close");
  }

  static async open(): Promise<Fuzzer> {
    const ws = new WebSocket(`${node.url}?vsn=2.0.0`, { headers: { "x-api-key": apiKey } });
    const fuzzer = new Fuzzer(ws);
    await once(ws, "open");
    return fuzzer;
  }

  send(data: string | Buffer, binary = false): void {
    this.ws.send(data, { binary });
  }

  /** Waits until the node has read everything sent so far, or has closed the socket. */
  async settled(): Promise<void> {
    if (this.ws.readyState !== WebSocket.OPEN) return void (await this.closed);
    const pong = once(this.ws, "pong");
    this.ws.ping();
    await Promise.race([pong, this.closed]);
  }

  async end(): Promise<void> {
    this.ws.terminate();
    await this.closed;
  }
}

/** Two agents that behave, and ask and answer at least 50 times, and until they are told to stop. */
async function conversation(stop: AbortSignal): Promise<void> {
  const [alice, bob] = [
    await RawAgent.join(node, { did: ALICE, protocols: [PROTOCOL] }),
    await RawAgent.join(node, { did: BOB, protocols: [PROTOCOL], replyProtocol: true }),
  ];
  const next = async (agent: RawAgent, id: string) => {
    for (;;) {
      const { plaintext, context } = await agent.receive();
      const from = String(plaintext["from"]);
      if (agent === bob) bob.reply(String(plaintext["id"]), "handled");
      else alice.ack(String(plaintext["id"]));
      // The fuzzer may send them any messages.
      if (from.startsWith(MALLORY)) continue;
      expect({ id: plaintext["id"], attempt: context["attempt"] }).toEqual({ id, attempt: 1 });
      return;
    }
  };
  for (let turns = 0; !stop.aborted || turns < 50; turns++) {
    for (const [sender, to, receiver] of [
      [alice, BOB, bob],
      [bob, ALICE, alice],
    ] as const) {
      const id = `${sender === alice ? "alice" : "bob"}-${turns}`;
      const message = { id, type: `${PROTOCOL}/note`, from: sender.did, to: [to], body: { SECRET } };
      const [reply] = await Promise.all([sender.send(message), next(receiver, id)]);
      expect(reply).toEqual({ status: "ok", response: {} });
    }
  }
  alice.close();
  bob.close();
}

/** Resolves with every frame, and whatever else, that the fuzzer was sent. */
async function attacks(): Promise<{ readonly frames: readonly string[]; readonly bytes: readonly string[] }> {
  const random = randomFrom(SEED);
  const frames: string[] = [];
  const hangUp = new AbortController();
  setMaxListeners(0, hangUp.signal);
  const attack = async (act: (fuzzer: Fuzzer, did: string) => void) => {
    const fuzzer = await Fuzzer.open();
    const did = `${MALLORY}:${random(1000)}`;
    fuzzer.send(JSON.stringify(["1", "1", `plugins:${did}`, "phx_join", { payload_types: ["*"], reply_protocol: random(2) === 0 }]));
    act(fuzzer, did);
    await fuzzer.settled();
    await fuzzer.end();
    frames.push(...fuzzer.received);
  };

  // Half-open connections that stay all the while.
  const bytes = Array.from({ length: 200 }, () => breakProtocol(node.port, apiKey, random, hangUp.signal));
  for (let i = 0; i < ROUNDS; i++) {
    await attack((fuzzer, did) => {
      for (let frame = 0; frame < 60; frame++) fuzzer.send(junkFrame(did, random));
    });
  }
  for (let i = 0; i < ROUNDS / 3; i++) {
    await attack((fuzzer) => {
      for (let frame = 0; frame < 40; frame++) fuzzer.send(mutate(pick(random, JUNK), random).slice(0, 200_000));
    });
  }
  // Other people's DIDs, on their own topics and in messages.
  await attack((fuzzer, did) => {
    for (const victim of [ALICE, BOB]) {
      fuzzer.send(JSON.stringify(["2", "2", `plugins:${victim}`, "phx_join", { payload_types: ["*", PROTOCOL] }]));
      fuzzer.send(JSON.stringify([null, "3", `plugins:${victim}`, "ack", { ids: ["alice-1"] }]));
      fuzzer.send(
        JSON.stringify([null, "4", `plugins:${did}`, "message", { id: "x", type: `${PROTOCOL}/note`, from: victim, to: [BOB], body: {} }]),
      );
    }
  });
  // More joins than a socket may have, more frames than a join under way may queue.
  await attack((fuzzer) => {
    for (let i = 0; i < 2000; i++) fuzzer.send(JSON.stringify([`${i}`, `${i}`, `plugins:${MALLORY}:${i}`, "phx_join", {}]));
  });
  await attack((fuzzer, did) => {
    for (let i = 0; i < 1000; i++)
      fuzzer.send(JSON.stringify([null, `${i}`, `plugins:${did}`, pick(random, ["ack", "phx_leave", "phx_join"]), {}]));
  });
  await attack((fuzzer) => fuzzer.send("[".repeat(1_000_000)));
  await attack((fuzzer) => fuzzer.send(" ".repeat(2 * 1024 * 1024)));
  await attack((fuzzer) => fuzzer.send(Buffer.from([0xff, 0xfe, 0xc3, 0x28])));
  await attack((fuzzer) => {
    for (let i = 0; i < 150; i++) fuzzer.send(Buffer.from([0, 1, 1, 1, 1]), true);
  });
  hangUp.abort();
  return { frames, bytes: await Promise.all(bytes) };
}

describe("a node under attack", () => {
  it("serves well-behaved clients, and discloses no data of others", { timeout: gateOrSoak(120_000, 3_600_000) }, async () => {
    onTestFailed(() => void process.stderr.write(`PARLEY_SEED=${SEED}\n`));
    const before = process.memoryUsage().rss;
    const peace = new AbortController();
    const [, { frames, bytes }] = await Promise.all([conversation(peace.signal), attacks().finally(() => peace.abort())]);
    expect(frames.length).toBeGreaterThan(1000);
    for (const frame of frames) expect(JSON.parse(frame)).toHaveLength(5);
    expect([...frames, ...bytes].filter((text) => text.includes(SECRET))).toEqual([]);
    expect(unhandled).toEqual([]);
    expect((await fetch(`${node.httpUrl}/health`)).status).toBe(200);
    expect(await (await fetch(`${node.httpUrl}/metrics`)).text()).toContain("layr8_node_failures_total 0\n");
    expect(process.memoryUsage().rss - before).toBeLessThan(500 * 1024 * 1024);
  });
});
