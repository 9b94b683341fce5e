import { describeUnless, gateOrSoak, randomFrom, SEED } from "@parley/test-assertions";
import { missingNats, startNats } from "@parley/test-nats";
import { expect, it, onTestFinished } from "vitest";
import { JetstreamConnection, LogStreams } from "../src/index.ts";
import { History } from "./log-history.ts";

const WRITERS = 8;
const LOGS = 4;
const KILLS = gateOrSoak(1, 8);
/** Appends to acknowledge between two kills. */
const BETWEEN = gateOrSoak(50, 2000);
const TIMEOUT_MS = gateOrSoak(600_000, 3_600_000);

describeUnless(missingNats(3), "a shared log on three NATS servers", () => {
  it(`loses, repeats and moves no acknowledged entry when stream leaders are killed (seed ${SEED})`, { timeout: TIMEOUT_MS }, async () => {
    const nats = await startNats({ count: 3 });
    onTestFinished(() => nats.stop());
    const connect = (): Promise<JetstreamConnection> => JetstreamConnection.connect({ servers: nats.urls, prefix: "t", replicas: 3 });
    const connections = await Promise.all([connect(), connect()]);
    onTestFinished(async () => void (await Promise.all(connections.map((connection) => connection.close()))));
    const streams = await LogStreams.open(connections[0], { name: "log", shards: 1 });
    const places = Array.from({ length: LOGS }, (_, index) => streams.placeOf(`log ${index}`));
    const histories = await Promise.all(
      connections.map((connection) => Promise.all(places.map((place) => History.open(connection, place)))),
    );

    /** Numbers by text, of acknowledged entries of each log. */
    const acknowledged = places.map(() => new Map<string, number>());
    const rejected = places.map(() => new Set<string>());
    const progress = { count: 0, isOver: false };
    const write = async (writer: number): Promise<void> => {
      const random = randomFrom(SEED + writer);
      const own = histories[writer % 2] ?? [];
      for (let index = 0; !progress.isOver; index++) {
        const log = random(LOGS);
        const text = `${writer}-${index}`;
        try {
          const first = await (own[log] as History).append(text);
          acknowledged[log]?.set(text, first);
          progress.count++;
        } catch {
          rejected[log]?.add(text);
        }
      }
    };
    const writing = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
    const acknowledgedMore = async (more: number): Promise<void> => {
      const goal = progress.count + more;
      await expect.poll(() => progress.count, { timeout: TIMEOUT_MS }).toBeGreaterThanOrEqual(goal);
    };

    await acknowledgedMore(BETWEEN);
    for (let kill = 0; kill < KILLS; kill++) {
      const leader = (await connections[0].retry("T_LOG_0", () => connections[0].jsm.streams.info("T_LOG_0"))).cluster?.leader;
      const server = nats.servers.find(({ name }) => name === leader);
      if (server === undefined) throw new Error(`the leader ${leader} is one of the servers`);
      await server.signal("SIGKILL");
      await acknowledgedMore(BETWEEN);
      await server.start();
      await acknowledgedMore(BETWEEN);
    }
    progress.isOver = true;
    await writing;

    const reader = await connect();
    onTestFinished(() => reader.close());
    for (const [log, place] of places.entries()) {
      const texts = await (await History.open(reader, place)).all();
      const expected = new Map(acknowledged[log]);
      for (const [text, number] of expected) expect(texts[number - 1]).toBe(text);
      expect(new Set(texts).size).toBe(texts.length);
      // Only entries whose append was rejected may be stored without an acknowledgement.
      expect(texts.filter((text) => !expected.has(text) && rejected[log]?.has(text) !== true)).toEqual([]);
      for (const own of histories) {
        await own[log]?.log.catchUp();
        expect(own[log]?.log.next).toBe(texts.length + 1);
      }
    }
  });
});
