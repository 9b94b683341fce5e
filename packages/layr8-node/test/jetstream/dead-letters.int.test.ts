import { randomBytes } from "node:crypto";
import type { JetstreamConnection } from "@parley/jetstream";
import { describeUnless } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import type { NewDeadLetter } from "../../src/dead-letters/dead-letter.ts";
import { JetstreamDeadLetters } from "../../src/jetstream/jetstream-dead-letters.ts";
import { systemClock } from "../../src/clock.ts";
import { replayDeadLetter } from "../../src/dead-letters/replay-dead-letter.ts";
import { JetstreamInbox } from "../../src/jetstream.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { startNode } from "../../src/node.ts";
import { PASSED } from "../../src/routing/rejection.ts";
import { KEY } from "../federation/pair.ts";
import { RawAgent } from "../raw-agent.ts";
import { useNats } from "./nats-servers.ts";

const ALICE = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const LIMITS = { maxDeadLetters: 3, maxDeadLetterLength: 100, maxTotalDeadLetters: 5, maxTotalDeadLetterLength: 120 };

describeUnless(missingNats(1), "dead letters that several nodes share", () => {
  const nats = useNats(1);

  async function open(prefix: string): Promise<{ readonly letters: JetstreamDeadLetters; readonly connection: JetstreamConnection }> {
    const connection = await nats.connect(prefix);
    const letters = await JetstreamDeadLetters.open(connection, { limits: LIMITS, now: () => 1000 });
    onTestFinished(async () => {
      await letters.close();
      await connection.close();
    });
    return { letters, connection };
  }

  function letter(messageId: string, did = ALICE, plaintext = "x".repeat(10)): NewDeadLetter {
    const about = {
      direction: "inbound",
      code: "e.p.msg.expired",
      reason: "abgelaufen für ü",
      type: "https://example.com/p/1.0/t",
    } as const;
    return { ...about, did, to: did, messageId, authorized: true, senderCredentials: '[{"é":1}]', plaintext };
  }

  const idsOf = (letters: JetstreamDeadLetters, did?: string): string[] =>
    letters.list({ did, limit: 100 }).map(({ messageId }) => messageId);

  it("are the same at every node and after a restart, newest first, by agent and by page", async () => {
    const prefix = nats.newPrefix();
    const [{ letters: one }, { letters: other }] = [await open(prefix), await open(prefix)];
    await one.add(letter("1", ALICE, '{"text":"ü"}'));
    await other.add(letter("2"));
    await one.add(letter("3", BOB));
    await expect
      .poll(() => [one, other].map((each) => idsOf(each)))
      .toEqual([
        ["3", "2", "1"],
        ["3", "2", "1"],
      ]);
    const { letters: late } = await open(prefix);
    expect([idsOf(late), idsOf(late, ALICE), late.size, late.count(BOB)]).toEqual([["3", "2", "1"], ["2", "1"], 3, 1]);
    const [newest, , oldest] = late.list({ limit: 3 });
    expect(late.list({ before: newest?.id ?? 0, limit: 1 })).toMatchObject([
      { messageId: "2", failedAt: 1000, reason: "abgelaufen für ü" },
    ]);
    expect(await late.read(oldest?.id ?? 0)).toEqual({ letter: { ...oldest, senderCredentials: '[{"é":1}]' }, plaintext: '{"text":"ü"}' });
    expect(await late.read(7_000_000)).toBeUndefined();
  });

  it("replace the oldest of an agent by number and by length, then the oldest of all", async () => {
    const { letters } = await open(nats.newPrefix());
    for (const id of ["1", "2", "3", "4"]) await letters.add(letter(id));
    expect(idsOf(letters)).toEqual(["4", "3", "2"]);
    await letters.add(letter("5", ALICE, "x".repeat(85)));
    expect(idsOf(letters)).toEqual(["5", "4"]);
    await letters.add(letter("6", ALICE, "x".repeat(101)));
    expect(idsOf(letters)).toEqual(["5", "4"]);
    await letters.add(letter("7", BOB, "x".repeat(30)));
    expect(idsOf(letters)).toEqual(["7", "5"]);
  });

  it("are kept by the node where a message failed, and replayed by any", async () => {
    const [prefix, nodeKey] = [nats.newPrefix(), randomBytes(32)];
    const start = async (nodeName: string): Promise<Layr8Node> => {
      const shared = { nats: nats.urls, natsPrefix: prefix, nodeKey, nodeName, domain: "localhost", deadLetters: true };
      const node = await startNode({ port: 0, logger: false, apiKeys: [{ key: KEY, dids: "any" }], ...shared });
      onTestFinished(() => node.close());
      return node;
    };
    const [one, other] = [await start("one"), await start("other")];
    const join = async (node: Layr8Node, did: string): Promise<RawAgent> => {
      const agent = await RawAgent.join(node, { did, protocols: ["*"], replyProtocol: true, apiKey: KEY });
      onTestFinished(() => agent.close());
      return agent;
    };
    const [alice, bob] = [await join(one, ALICE), await join(other, BOB)];
    const message = { id: "1", type: "https://example.com/p/1.0/t", from: ALICE, to: [BOB], body: { n: 1 } };
    expect(await alice.send(message)).toMatchObject({ status: "ok" });
    await bob.receive();
    bob.reply("1", "pass");
    const { letters, connection } = await open(prefix);
    await expect.poll(() => letters.list({ did: BOB, limit: 1 })).toMatchObject([{ messageId: "1", code: "e.p.msg.unsupported" }]);
    const stored = await letters.read(letters.list({ limit: 1 })[0]?.id ?? 0);
    if (stored === undefined) throw new Error("The dead letter was not stored");
    const inbox = await JetstreamInbox.open(connection);
    onTestFinished(() => inbox.close());
    const remote = { check: () => PASSED, send: () => Promise.reject(new Error("no")), sendSystemMessage: () => Promise.resolve() };
    await replayDeadLetter(stored.letter, stored.plaintext, { inbox, remote, clock: systemClock(), messageTtlMs: 60_000 });
    expect((await bob.receive()).plaintext).toEqual(message);
  });

  it("are removed at every node", async () => {
    const prefix = nats.newPrefix();
    const [{ letters: one }, { letters: other }] = [await open(prefix), await open(prefix)];
    for (const id of ["1", "2", "3"]) await one.add(letter(id));
    await one.add(letter("4", BOB));
    await expect.poll(() => other.size).toBe(4);
    const [{ id } = { id: 0 }] = other.list({ did: BOB, limit: 1 });
    expect([await other.remove(id), await other.remove(id)]).toEqual([true, false]);
    expect(await other.removeAgent(ALICE)).toBe(3);
    await expect.poll(() => one.size).toBe(0);
    await one.add(letter("5"));
    expect(one.list({ limit: 1 })[0]?.id).toBeGreaterThan(id);
  });
});
