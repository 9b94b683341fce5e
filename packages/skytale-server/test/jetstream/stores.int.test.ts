import { JetstreamConnection } from "@parley/jetstream";
import { describeUnless } from "@parley/test-assertions";
import { missingNats, startNats, type NatsServers } from "@parley/test-nats";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { JetstreamLog, type JetstreamLogOptions, JetstreamRegistry, JetstreamWelcomes } from "../../src/jetstream.ts";
import { clearSuite } from "../log/clear-suite.ts";

const CHANNEL = "acme/team/general";

describeUnless(missingNats(1), "stores on NATS", () => {
  let nats: NatsServers;
  let stores = 0;

  beforeAll(async () => {
    nats = await startNats();
  });
  afterAll(() => nats.stop());

  const newPrefix = (): string => `t${stores++}`;

  async function connect(prefix: string): Promise<JetstreamConnection> {
    const connection = await JetstreamConnection.connect({ servers: nats.urls, prefix });
    onTestFinished(() => connection.close());
    return connection;
  }

  async function openLog(prefix: string, options: JetstreamLogOptions): Promise<JetstreamLog> {
    return JetstreamLog.open(await connect(prefix), { shards: 1, ...options });
  }

  /** Messages that a stream stores. */
  async function stored(prefix: string, name: string): Promise<number> {
    const { jsm } = await connect(prefix);
    return (await jsm.streams.info(`${prefix}_${name}`.toUpperCase())).state.messages;
  }

  it("remove records from the stream that are beyond retention and the time of keys", async () => {
    const prefix = newPrefix();
    let now = 1_000_000;
    const options = { retention: { maxEntries: 10 }, keys: { rememberMs: 1000, maxRemembered: 10 }, now: () => now };
    const log = await openLog(prefix, options);
    for (let index = 1; index <= 200; index++) await append(log, `m${index}`);
    await log.expire();
    expect(await stored(prefix, "log_0")).toBe(200);
    now += 10_000;
    await log.expire();
    expect(await stored(prefix, "log_0")).toBeLessThanOrEqual(10 + 32);
    const again = await openLog(prefix, options);
    for (const one of [log, again]) expect(await one.head(CHANNEL)).toEqual({ first: 191, next: 201 });
    expect(await append(again, "later")).toBe(201);
    const page = await log.read(CHANNEL, { from: 191, limit: 10, maxBytes: 1000 });
    expect(Buffer.from(page.entries[0] as Uint8Array).toString()).toBe("m191");
  });

  clearSuite("JetstreamLog", async () => {
    const prefix = newPrefix();
    return { log: await openLog(prefix, {}), reopen: () => openLog(prefix, {}) };
  });

  it("clear a channel on every server, and remove its records from the stream", async () => {
    const prefix = newPrefix();
    const [log, other] = [await openLog(prefix, {}), await openLog(prefix, {})];
    for (let index = 1; index <= 70; index++) await append(index % 2 === 0 ? log : other, `m${index}`);
    await log.append(CHANNEL, "alice", [{ body: Buffer.from("c"), key: "c", commit: { epoch: 0n } }]);
    await expect.poll(() => other.head(CHANNEL)).toEqual({ first: 1, next: 72 });
    await log.clear(CHANNEL);
    expect(await stored(prefix, "log_0")).toBe(1);
    await expect.poll(() => other.head(CHANNEL)).toEqual({ first: 72, next: 72 });
    expect(other.storedBytes("alice")).toBe(0);
    const commit = { body: Buffer.from("new"), key: "new", commit: { epoch: 0n } };
    expect(await other.append(CHANNEL, "alice", [commit])).toMatchObject([{ status: "appended", sequence: 72 }]);
    const late = await openLog(prefix, {});
    for (const each of [log, other, late]) {
      await expect.poll(() => each.head(CHANNEL)).toEqual({ first: 72, next: 73 });
      expect((await each.read(CHANNEL, { from: 72, limit: 10, maxBytes: 1000 })).entries).toHaveLength(1);
      expect(await each.append(CHANNEL, "alice", [{ ...commit, key: "again" }])).toMatchObject([{ status: "epoch_taken" }]);
    }
    expect(await append(late, "later")).toBe(73);
  });

  it("clear the Welcomes of a channel", async () => {
    const prefix = newPrefix();
    const [one, other] = [await JetstreamWelcomes.open(await connect(prefix)), await JetstreamWelcomes.open(await connect(prefix))];
    const recipients = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    for (const channel of [CHANNEL, "acme/team/other"])
      await one.put(channel, { recipients, payload: Buffer.from(channel), publisher: "alice" });
    await other.clear(CHANNEL);
    expect(await other.fetch(CHANNEL, recipients, 1000)).toEqual([]);
    await expect.poll(() => one.fetch(CHANNEL, recipients, 1000)).toEqual([]);
    expect(await one.fetch("acme/team/other", recipients, 1000)).toHaveLength(2);
    await Promise.all([one.close(), other.close()]);
  });

  it("keep the commits on record when their records are removed", async () => {
    const prefix = newPrefix();
    let now = 1_000_000;
    const options = { retention: { maxEntries: 10 }, keys: { rememberMs: 1000, maxRemembered: 10 }, now: () => now };
    const log = await openLog(prefix, options);
    await log.append(CHANNEL, "alice", [{ body: Buffer.from("c"), key: "c", commit: { epoch: 7n } }]);
    for (let index = 1; index <= 200; index++) await append(log, `m${index}`);
    now += 10_000;
    await log.expire();
    const again = await openLog(prefix, options);
    expect(await again.append(CHANNEL, "bob", [{ body: Buffer.from("d"), key: "d", commit: { epoch: 7n } }])).toEqual([
      { status: "epoch_taken", winner: 1, currentEpoch: 8n },
    ]);
  });

  it("remove expired entries of channels that no server has open", async () => {
    const prefix = newPrefix();
    let now = 1_000_000;
    const options = { retention: { maxAgeMs: 1000 }, keys: { rememberMs: 100, maxRemembered: 10 }, now: () => now };
    const log = await openLog(prefix, options);
    for (let index = 1; index <= 100; index++) await append(log, `m${index}`);
    await log.close();
    now += 10_000;
    const again = await openLog(prefix, options);
    expect(again.totalStoredBytes).toBeGreaterThan(0);
    await again.expire();
    expect(again.totalStoredBytes).toBe(0);
    expect(await stored(prefix, "log_0")).toBeLessThanOrEqual(32);
    expect(await again.head(CHANNEL)).toEqual({ first: 101, next: 101 });
  });

  it("have the same entries and counts when channels are closed for others and opened again", async () => {
    const log = await openLog(newPrefix(), { maxOpenChannels: 3 });
    const channels = Array.from({ length: 12 }, (_, index) => `acme/team/channel ${index}`);
    for (let round = 1; round <= 3; round++) {
      for (const channel of channels) {
        expect(await append(log, `round ${round}`, channel)).toBe(round);
        // Entries are counted for others before a channel is closed.
        await log.expire();
      }
    }
    for (const channel of channels) expect(await append(log, "round 2", channel)).toBe(2);
    expect(log.storedBytes("alice")).toBe(channels.length * 3 * "round 1".length);
  });

  it("write the registry as a whole, remove old commits, and open it from both", async () => {
    const prefix = newPrefix();
    const options = { snapshotEvery: 20 };
    const registry = await JetstreamRegistry.open(await connect(prefix), options);
    for (let index = 0; index < 200; index++) {
      const expected = (await registry.get(`key/${index % 10}`))?.revision;
      await registry.commit([
        { key: `key/${index % 10}`, expected, record: { index } },
        { key: `once/${index}`, expected: undefined, record: { index } },
      ]);
    }
    await expect.poll(() => stored(prefix, "registry_0")).toBeLessThan(150);
    const again = await JetstreamRegistry.open(await connect(prefix), options);
    for (const prefixOfKeys of ["key/", "once/"]) {
      const entries = await again.list(prefixOfKeys, { limit: 1000 });
      expect(entries).toHaveLength(prefixOfKeys === "key/" ? 10 : 200);
      expect(entries).toEqual(await registry.list(prefixOfKeys, { limit: 1000 }));
    }
    await again.commit([{ key: "key/0", expected: (await again.get("key/0"))?.revision, record: null }]);
    expect(await again.get("key/0")).toBeUndefined();
  });

  it("store entries of one channel that arrive together in one record, which costs one flush of the disk", async () => {
    const own = await startNats({ syncAlways: true });
    onTestFinished(() => own.stop());
    const connection = await JetstreamConnection.connect({ servers: own.urls, prefix: "t" });
    onTestFinished(() => connection.close());
    const log = await JetstreamLog.open(connection, { shards: 1 });
    await append(log, "first");
    const sequences = await Promise.all(Array.from({ length: 256 }, (_, index) => append(log, `m${index}`)));
    expect(sequences).toEqual(Array.from({ length: 256 }, (_, index) => index + 2));
    expect((await connection.jsm.streams.info("T_LOG_0")).state.messages).toBe(2);
  });

  it("reject calls while NATS is away, and continue when it is back", async () => {
    const own = await startNats();
    onTestFinished(() => own.stop());
    const connection = await JetstreamConnection.connect({ servers: own.urls, prefix: "t", patienceMs: 500 });
    onTestFinished(() => connection.close());
    const log = await JetstreamLog.open(connection, { shards: 1 });
    expect(await append(log, "before")).toBe(1);
    await own.servers[0]?.signal("SIGKILL");
    await expect(append(log, "away")).rejects.toMatchObject({ code: "storage_failed", retryable: true });
    await own.servers[0]?.start();
    // The rejected entry may have been stored. Then this is a duplicate of it.
    await expect.poll(() => append(log, "away").catch(() => 0), { timeout: 60_000 }).toBe(2);
    expect(await append(log, "after")).toBe(3);
  });
});

/** Appends one entry under its own text. Returns its sequence. */
async function append(log: JetstreamLog, text: string, channel = CHANNEL): Promise<number> {
  const [outcome] = await log.append(channel, "alice", [{ body: Buffer.from(text), key: text }]);
  return outcome === undefined || outcome.status === "epoch_taken" ? 0 : outcome.sequence;
}
