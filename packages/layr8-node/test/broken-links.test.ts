import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode } from "../src/node.ts";
import type { Layr8Node } from "../src/layr8-node.ts";
import type { NodeOptions } from "../src/options.ts";
import { RawClient } from "./phoenix/raw-client.ts";
import { RawAgent } from "./raw-agent.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const CAROL = "did:web:localhost:carol";
const KEY = "a-key-that-lives-through-restarts";
const PATIENCE = { timeout: 60_000, interval: 20 };

let node: Layr8Node;
let alice: RawAgent;
let readers: Reader[];

async function start(options: NodeOptions = {}): Promise<void> {
  await node?.close();
  node = await startNode({ port: 0, logger: false, apiKeys: [{ key: KEY, dids: "any" }], ...options });
  alice = await RawAgent.join(node, { did: ALICE, apiKey: KEY });
}

function message(id: string, more: object = {}): object {
  return { id, type: `${ECHO}/request`, from: ALICE, to: [BOB], body: {}, ...more };
}

const large = { body: { text: "x".repeat(20_000) } };

/** Agents on one socket that reject frames above a limit, or disconnect at certain messages, and reconnect whenever the link breaks. */
class Reader {
  /** Ids of the messages that arrived, by DID. */
  readonly got = new Map<string, Set<string>>();
  losses = 0;
  /** How often the link had broken when the last message arrived. */
  lossesAtLast = 0;
  readonly #dids: readonly string[];
  readonly #maxPayload: number | undefined;
  readonly #hangUpAt: string | undefined;
  #client: RawClient | undefined;
  #stopped = false;

  constructor(dids: readonly string[], { maxPayload, hangUpAt }: { maxPayload?: number; hangUpAt?: string }) {
    this.#dids = dids;
    this.#maxPayload = maxPayload;
    this.#hangUpAt = hangUpAt;
    readers.push(this);
  }

  async connect(): Promise<void> {
    const client = await RawClient.open(node.url, { "x-api-key": KEY }, this.#maxPayload);
    this.#client = client;
    for (const did of this.#dids) await client.push(`plugins:${did}`, "phx_join", { payload_types: [ECHO] });
    void this.#read(client);
  }

  stop(): void {
    this.#stopped = true;
    this.#client?.close();
  }

  async #read(client: RawClient): Promise<void> {
    try {
      for (;;) {
        const [, , topic, event, payload] = await client.next();
        if (event !== "message") continue;
        const { id } = payload["plaintext"] as { id: string };
        if (id === this.#hangUpAt) break;
        this.#take(client, topic, id);
      }
      client.close();
    } catch {
      // The link broke.
    }
    this.losses += 1;
    while (!this.#stopped) {
      try {
        return await this.connect();
      } catch {
        // The node is not there, or the link broke again while it was being joined.
      }
    }
  }

  #take(client: RawClient, topic: string, id: string): void {
    this.lossesAtLast = this.losses;
    const did = topic.slice("plugins:".length);
    this.got.set(did, new Set(this.got.get(did)).add(id));
    client.send([null, null, topic, "ack", { ids: [id] }]);
  }
}

async function report(): Promise<{ thid: string; body: { code: string; comment: string } }> {
  return (await alice.receive()).plaintext as never;
}

beforeEach(async () => {
  readers = [];
  await start();
});

afterEach(async () => {
  for (const reader of readers) reader.stop();
  alice.close();
  await node.close();
});

describe("a message that breaks its recipient's link", { timeout: 120_000 }, () => {
  it('is dead-lettered after three losses if the client closes with "too big", and other messages are delivered', async () => {
    const reader = new Reader([BOB, CAROL], { maxPayload: 10_000 });
    await reader.connect();
    await alice.send(message("before"));
    await alice.send(message("large", large));
    for (const id of ["behind-1", "behind-2"]) await alice.send(message(id));
    await alice.send(message("other topic", { to: [CAROL] }));
    await expect
      .poll(() => reader.got, PATIENCE)
      .toEqual(
        new Map([
          [BOB, new Set(["before", "behind-1", "behind-2"])],
          [CAROL, new Set(["other topic"])],
        ]),
      );
    expect(reader.lossesAtLast).toBeLessThanOrEqual(1);
    expect(await report()).toMatchObject({
      thid: "large",
      body: { code: "e.p.msg.too-large", comment: `The message large is larger than the agent of ${BOB} can receive` },
    });
    expect(reader.losses).toBe(3);
    await alice.send(message("after"));
    await expect.poll(() => reader.got.get(BOB)?.has("after"), PATIENCE).toBe(true);
    expect(reader.losses).toBe(3);
  });

  it("is dead-lettered if the client just disconnects", async () => {
    const reader = new Reader([BOB], { hangUpAt: "poison" });
    await reader.connect();
    for (const id of ["1", "poison", "2", "3"]) await alice.send(message(id));
    expect(await report()).toMatchObject({ thid: "poison", body: { code: "e.p.xfer.undeliverable" } });
    expect(reader.losses).toBeLessThanOrEqual(6);
    await expect.poll(() => reader.got.get(BOB), PATIENCE).toEqual(new Set(["1", "2", "3"]));
  });

  it("is dead-lettered after a restart of the node, too", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "broken-links-"));
    try {
      await start({ dataDir });
      const first = new Reader([BOB], { maxPayload: 10_000 });
      await first.connect();
      await alice.send(message("large", large));
      await expect.poll(() => first.losses, PATIENCE).toBeGreaterThan(0);
      first.stop();
      await start({ dataDir });
      const second = new Reader([BOB], { maxPayload: 10_000 });
      await second.connect();
      expect(await report()).toMatchObject({ thid: "large", body: { code: "e.p.msg.too-large" } });
      expect(second.losses).toBeLessThanOrEqual(3);
    } finally {
      await node.close();
      await rm(dataDir, { recursive: true });
    }
  });

  it("keeps the order of messages while an agent crashes three times in a row", async () => {
    const ids = ["1", "2", "3"];
    for (let crash = 0; crash < 3; crash++) {
      const bob = await RawAgent.join(node, { did: BOB, protocols: [ECHO], apiKey: KEY });
      if (crash === 0) for (const id of ids) await alice.send(message(id));
      for (const id of ids) expect((await bob.receive()).plaintext["id"]).toBe(id);
      bob.close();
      await bob.client.closed;
    }
    const bob = await RawAgent.join(node, { did: BOB, protocols: [ECHO], apiKey: KEY });
    await alice.send(message("4"));
    for (const id of [...ids, "4"]) expect((await bob.receive()).plaintext["id"]).toBe(id);
    bob.close();
  });

  it("does not count if the agent leaves, or stops and reconnects", async () => {
    for (let n = 0; n < 6; n++) {
      const bob = await RawAgent.join(node, { did: BOB, protocols: [ECHO], apiKey: KEY });
      if (n === 0) await alice.send(message("1"));
      expect((await bob.receive()).plaintext["id"]).toBe("1");
      if (n % 2 === 0) await bob.client.push(bob.topic, "phx_leave", {});
      bob.close();
      await bob.client.closed;
    }
    const bob = await RawAgent.join(node, { did: BOB, protocols: [ECHO], apiKey: KEY });
    expect(await bob.receive()).toMatchObject({ plaintext: { id: "1" } });
    bob.close();
  });
});
