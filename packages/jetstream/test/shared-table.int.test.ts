import { type AddressInfo, connect, createServer } from "node:net";
import { describeUnless, rejectionOf } from "@parley/test-assertions";
import { missingNats, startNats, type NatsServer, type NatsServers } from "@parley/test-nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import { JetstreamConnection, Leases, Members, SharedTable, type TableEntry, type TableOptions } from "../src/index.ts";

/** Forwards connections to a NATS server, and replaces the version that it reports. */
async function startOlderNats(url: string, version: string): Promise<{ readonly url: string; stop(): void }> {
  const proxy = createServer((client) => {
    const server = connect(Number(new URL(url).port), "127.0.0.1");
    client.pipe(server);
    server.once("data", (info: Buffer) => {
      client.write(info.toString().replace(/"version":"[\d.]+"/, `"version":"${version}"`));
      server.pipe(client);
    });
    for (const socket of [client, server])
      socket.on("error", () => undefined).on("close", () => [client, server].map((end) => end.destroy()));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return { url: `nats://127.0.0.1:${(proxy.address() as AddressInfo).port}`, stop: () => void proxy.close() };
}

/** A table, and what its listener knows. */
async function follow(connection: JetstreamConnection, name: string, options: Omit<TableOptions, "name"> = {}) {
  const entries = new Map<string, TableEntry>();
  const table = await SharedTable.open(
    connection,
    { name, ...options },
    { onEntry: (entry) => void entries.set(entry.key, entry), onRemoved: (key) => void entries.delete(key) },
  );
  const texts = (): Record<string, string> =>
    Object.fromEntries([...entries].map(([key, { value, note }]) => [key, `${note}:${Buffer.from(value).toString()}`]));
  return { table, entries, texts };
}

describeUnless(missingNats(1), "tables, leases and members on NATS", () => {
  let nats: NatsServers;
  let one: JetstreamConnection;
  let other: JetstreamConnection;

  beforeAll(async () => {
    nats = await startNats();
    one = await JetstreamConnection.connect({ servers: nats.urls, prefix: "t" });
    other = await JetstreamConnection.connect({ servers: nats.urls, prefix: "t" });
  });
  afterAll(async () => {
    await Promise.all([one.close(), other.close()]);
    await nats.stop();
  });

  it("have a table's changes on every server, and its entries on those that come later", async () => {
    const [a, b] = [await follow(one, "shared"), await follow(other, "shared")];
    expect(await a.table.put("x.1", Buffer.from("value"), "note")).toBe(true);
    expect(a.texts()).toEqual({ "x.1": "note:value" });
    await b.table.catchUp();
    expect(b.texts()).toEqual({ "x.1": "note:value" });
    await b.table.put("y", Buffer.from("2"));
    await b.table.remove("x.1");
    const late = await follow(one, "shared");
    expect(late.texts()).toEqual({ y: ":2" });
    await a.table.catchUp();
    expect(a.texts()).toEqual({ y: ":2" });
    await Promise.all([a, b, late].map(({ table }) => table.close()));
    expect(await rejectionOf(a.table.put("z", Buffer.from("3")))).toMatchObject({ code: "storage_failed" });
  });

  it("let one of two writers with the same expectation write a key", async () => {
    const [a, b] = [await follow(one, "race"), await follow(other, "race")];
    const results = await Promise.all([a.table.put("k", Buffer.from("a"), "", 0), b.table.put("k", Buffer.from("b"), "", 0)]);
    expect(results.filter(Boolean)).toHaveLength(1);
    await a.table.catchUp();
    expect(a.texts()).toEqual({ k: results[0] ? ":a" : ":b" });
    expect(await a.table.remove("k", a.table.revisionOf("k"))).toBe(true);
    expect(await a.table.put("k", Buffer.from("c"), "", 0)).toBe(false);
    expect(await a.table.put("k", Buffer.from("c"), "", a.table.revisionOf("k"))).toBe(true);
  });

  it("follow a table without values, which are read by revision", async () => {
    const [a, b] = [await follow(one, "bare", { withoutValues: true }), await follow(other, "bare", { withoutValues: true })];
    await a.table.put("k", Buffer.from("value"), "note");
    await b.table.catchUp();
    expect(b.texts()).toEqual({ k: "note:" });
    const revision = b.entries.get("k")?.revision ?? 0;
    expect(Buffer.from((await b.table.read(revision)) ?? []).toString()).toBe("value");
    await a.table.put("k", Buffer.from("other"));
    expect(await b.table.read(revision)).toBeUndefined();
  });

  it("purge what removed keys have left in the stream, after a time", async () => {
    const options = { keepRemovedMs: 1000 };
    const [a, b] = [await follow(one, "purged", options), await follow(other, "purged", options)];
    const keys = Array.from({ length: 40 }, (_, index) => `k${index}`);
    const size = async (): Promise<number> => (await one.jsm.streams.info("T_PURGED")).state.messages;
    const revisions = (): number[] => [a, b].flatMap(({ table }) => keys.map((key) => table.revisionOf(key)));
    await Promise.all(keys.map((key) => a.table.put(key, Buffer.from("1"))));
    await Promise.all(keys.map((key, index) => (index % 2 === 0 ? a : b).table.remove(key)));
    expect(await size()).toBe(keys.length);
    await b.table.put("present", Buffer.from("2"));
    await expect.poll(size).toBe(1);
    await expect.poll(revisions).toEqual([...keys, ...keys].map(() => 0));
    await a.table.catchUp();
    expect([a.texts(), b.texts()]).toEqual([{ present: ":2" }, { present: ":2" }]);
    expect(await Promise.all([a.table.put("k1", Buffer.from("3"), "", 0), b.table.put("k2", Buffer.from("4"), "", 0)])).toEqual([
      true,
      true,
    ]);
    await Promise.all([a, b].map(({ table }) => table.close()));
  });

  it("write a key whose mark another server has purged, and remove one that was purged unseen", async () => {
    const [a, b] = [await follow(one, "unseen"), await follow(other, "unseen", { keepRemovedMs: 100 })];
    const purge = (key: string) => one.jsm.streams.purge("T_UNSEEN", { filter: `t.unseen.${key}` });
    await a.table.put("k", Buffer.from("1"));
    await a.table.remove("k");
    await purge("k");
    const put = (): Promise<boolean> => a.table.put("k", Buffer.from("2"), "", a.table.revisionOf("k"));
    expect([await put(), await put()]).toEqual([false, true]);
    await b.table.catchUp();
    expect(b.texts()).toEqual({ k: ":2" });
    await purge("k");
    await expect.poll(b.texts).toEqual({});
    await Promise.all([a, b].map(({ table }) => table.close()));
  });

  it("give a lease to one server at a time, and to another after its release", async () => {
    const [a, b] = [await Leases.open(one, { name: "lease" }), await Leases.open(other, { name: "lease" })];
    const leases = await Promise.all([a.acquire("job"), b.acquire("job")]);
    const [lease] = leases.filter((found) => found !== undefined);
    expect(leases).toContain(undefined);
    expect(lease?.lost.aborted).toBe(false);
    await lease?.release();
    expect(lease?.lost.aborted).toBe(true);
    const next = await b.acquire("job");
    expect(next?.lost.aborted).toBe(false);
    expect(await a.acquire("job")).toBeUndefined();
    await next?.release();
  });

  it("end a lease before another server can acquire it, when its holder is cut off", async () => {
    const cut = await JetstreamConnection.connect({ servers: nats.urls, prefix: "t" });
    const ttlMs = 1000;
    const lease = await (await Leases.open(cut, { name: "short", ttlMs })).acquire("job");
    const waiting = await Leases.open(other, { name: "short", ttlMs });
    await cut.close();
    let next = await waiting.acquire("job");
    while (next === undefined) next = await waiting.acquire("job");
    expect(lease?.lost.aborted).toBe(true);
    await next.release();
  });

  it("list the servers that are running, and know when this one is cut off", async () => {
    const [a, b] = [await Members.open(one, { self: { name: "a" } }), await Members.open(other, { self: { name: "b" } })];
    expect(b.count).toBe(2);
    expect(new Set((await a.list()).map(({ name }) => name))).toEqual(new Set(["a", "b"]));
    await b.close();
    const reader = await Members.open(other, {});
    expect(await reader.list()).toEqual([{ name: "a" }]);
    const c = await Members.open(other, { self: { name: "c" } });
    const left: string[] = [];
    c.onLeft((id) => left.push(id));
    await expect.poll(() => [a.has(c.id), c.has(a.id), a.count]).toEqual([true, true, 2]);
    await a.close();
    await expect.poll(() => left).toContain(a.id);
    await expect.poll(() => [c.has(a.id), c.count]).toEqual([false, 1]);
    await c.close();
    const cut = await JetstreamConnection.connect({ servers: nats.urls, prefix: "short" });
    const member = await Members.open(cut, { self: { name: "cut" }, ttlMs: 200 });
    expect(member.checkHealth()).toEqual({ ok: true });
    await cut.close();
    await expect.poll(() => member.checkHealth().ok).toBe(false);
    await member.close();
  });

  it("keep the entries of a table and a lease over a restart of the NATS server", async () => {
    const own = await startNats();
    const connection = await JetstreamConnection.connect({ servers: own.urls, prefix: "t" });
    const a = await follow(connection, "kept");
    await a.table.put("k", Buffer.from("1"));
    const leases = await Leases.open(connection, { name: "lease", ttlMs: 600_000 });
    const lease = await leases.acquire("job");
    const [server] = own.servers as [NatsServer];
    await server.signal("SIGKILL");
    const under = a.table.put("k", Buffer.from("2"));
    await server.start();
    expect(await under).toBe(true);
    const late = await follow(connection, "kept");
    expect(late.texts()).toEqual({ k: ":2" });
    expect(await leases.acquire("job")).toBeUndefined();
    await lease?.release();
    expect(await leases.acquire("job")).toBeDefined();
    await connection.close();
    await own.stop();
  });

  it("reject servers that can't be used, with the reason", async () => {
    const reject = (options: object) => rejectionOf(JetstreamConnection.connect({ servers: nats.urls, prefix: "t", ...options }));
    expect(await reject({ minPayload: 9 * 1024 * 1024 })).toMatchObject({
      code: "nats_unsupported",
      message: expect.stringContaining("max_payload: 8MB") as string,
    });
    expect(await reject({ servers: ["nats://127.0.0.1:1"], patienceMs: 1 })).toMatchObject({ code: "nats_unreachable", retryable: true });
    const older = await startOlderNats(nats.urls[0] ?? "", "2.10.22");
    expect(await reject({ servers: [older.url], replicas: 3 })).toMatchObject({
      code: "nats_unsupported",
      message: expect.stringContaining("nats-server 2.10.22 is too old: with 3 replica(s), use 2.10.23 or later") as string,
    });
    await (await JetstreamConnection.connect({ servers: [older.url], prefix: "t" })).close();
    older.stop();
    expect(await reject({ prefix: "Not valid" })).toBeInstanceOf(TypeError);
    expect(await reject({ replica: 3 })).toBeInstanceOf(TypeError);
  });
});
