import { headers } from "@nats-io/nats-core";
import { describeUnless, gateOrSoak, rejectionOf } from "@parley/test-assertions";
import { missingNats, startNats, type NatsServers } from "@parley/test-nats";
import fc from "fast-check";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { encodeRecord } from "../src/record.ts";
import { JetstreamConnection, LogStreams, type LogPlace } from "../src/index.ts";
import { History } from "./log-history.ts";

/** Milliseconds before a step begins. */
const DELAY = fc.nat(4);
const FORM = fc.constantFrom("text", "stale", "ahead", "rival");
/** One step of a history: a writer appends some entries, or something that is not a record of the log is published. */
const STEP = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("append" as const), writer: fc.nat(1), count: fc.integer({ min: 1, max: 3 }), delay: DELAY }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("noise" as const), form: FORM, delay: DELAY }) },
);
/** Steps of one group begin together; the next group begins when they are over. */
const GROUPS = fc.array(fc.array(STEP, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 });

describeUnless(missingNats(1), "a shared log", () => {
  let nats: NatsServers;
  const connections: JetstreamConnection[] = [];
  let streams: LogStreams;
  let logs = 0;

  const newPlace = (): LogPlace => streams.placeOf(`log ${logs++}`);
  const connection = (index: number): JetstreamConnection => connections[index] as JetstreamConnection;

  beforeAll(async () => {
    nats = await startNats();
    for (let index = 0; index < 2; index++) connections.push(await JetstreamConnection.connect({ servers: nats.urls, prefix: "t" }));
    streams = await LogStreams.open(connection(0), { name: "log", shards: 2 });
  });
  afterAll(async () => {
    await Promise.all(connections.map((one) => one.close()));
    await nats.stop();
  });

  /** Publishes what a writer with a bug, or another program, might. */
  async function disturb({ subject }: LogPlace, form: string, next: number): Promise<void> {
    const { nc } = connection(0);
    if (form === "text") {
      await nc.request(subject, "not a record");
      return;
    }
    const first = { stale: 1, ahead: 1000, rival: next }[form] ?? 1;
    const { headers: fields, body } = encodeRecord({
      first,
      prev: form === "ahead" ? 1 : 0,
      at: 1,
      id: "0123456789ab",
      entries: [Buffer.from("void")],
      head: new Uint8Array(),
    });
    await nc.request(subject, body, { headers: fields, timeout: 5000 });
  }

  it("has the same entries for two writers, under gapless numbers, whatever else is published", { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(GROUPS, async (groups) => {
        const place = newPlace();
        // A first record, so that nothing that is published later could be one.
        const writers = [await History.open(connection(0), place), await History.open(connection(1), place)];
        const acknowledged = new Map<number, string>();
        acknowledged.set(await (writers[0] as History).append("first"), "first");
        let entries = 0;
        for (const group of groups) {
          await Promise.all(
            group.map(async (step) => {
              await delay(step.delay);
              if (step.kind === "noise") return disturb(place, step.form, (writers[0] as History).log.next);
              const texts = Array.from({ length: step.count }, () => `entry ${entries++}`);
              const first = await (writers[step.writer] as History).append(...texts);
              for (const [index, text] of texts.entries()) acknowledged.set(first + index, text);
            }),
          );
        }
        const expected = Array.from({ length: entries + 1 }, (_, index) => acknowledged.get(index + 1));
        const late = await History.open(connection(1), place);
        for (const reader of [...writers, late]) {
          expect(await reader.all()).toEqual(expected);
          expect(reader.log.next).toBe(entries + 2);
          await reader.log.close();
        }
      }),
      { numRuns: gateOrSoak(25, 1000) },
    );
  });

  it("passes each record to all followers before its append resolves at the writer", async () => {
    const place = newPlace();
    const [writer, follower] = [await History.open(connection(0), place), await History.open(connection(1), place)];
    for (let index = 1; index <= 50; index++) {
      expect(await writer.append(`m${index}`)).toBe(index);
      expect(writer.texts).toHaveLength(index);
    }
    await expect.poll(() => follower.texts).toEqual(writer.texts);
  });

  it("decides again when another server's record came first", async () => {
    const place = newPlace();
    const [one, other] = [await History.open(connection(0), place), await History.open(connection(1), place)];
    const increment = (history: History) => history.log.append(() => ({ entries: [Buffer.from(String(history.texts.length + 1))] }));
    await Promise.all(Array.from({ length: 20 }, (_, index) => increment(index % 2 === 0 ? one : other)));
    expect(await one.all()).toEqual(Array.from({ length: 20 }, (_, index) => String(index + 1)));
  });

  it("appends nothing if there is nothing to append", async () => {
    const history = await History.open(connection(0), newPlace());
    expect(await history.log.append(() => undefined)).toBeUndefined();
    expect(history.log.next).toBe(1);
  });

  it("continues from the state of the first record that a purge left", async () => {
    const place = newPlace();
    const writer = await History.open(connection(0), place);
    for (let index = 1; index <= 100; index++) await writer.append(`m${index}`);
    const needed = writer.records[89]?.seq ?? 0;
    await writer.log.purgeBefore(needed);
    const late = await History.open(connection(1), place);
    const first = late.records[0]?.first ?? 0;
    expect(first).toBeGreaterThan(90 - 33);
    expect(first).toBeLessThanOrEqual(90);
    expect(late.restored).toBe(`before ${first}`);
    expect(late.log.next).toBe(101);
    expect(await late.append("m101")).toBe(101);
    expect(await writer.append("m102")).toBe(102);
    expect((await late.all()).slice(-3)).toEqual(["m100", "m101", "m102"]);
    expect(await writer.log.read(writer.records[0]?.seq ?? 0)).toBeUndefined();
  });

  it("has a follower that missed a purge continue after it", async () => {
    const place = newPlace();
    const writer = await History.open(connection(0), place);
    const slow = await History.open(connection(1), place);
    await connection(1).nc.flush();
    for (let index = 1; index <= 100; index++) await writer.append(`m${index}`);
    await writer.log.purgeBefore(writer.records[99]?.seq ?? 0);
    await slow.log.catchUp();
    expect(slow.log.next).toBe(101);
  });

  it("rejects all calls after close, and completes appends under way", async () => {
    const history = await History.open(connection(0), newPlace());
    const under = history.append("a");
    await history.log.close();
    expect(await under).toBe(1);
    expect(await rejectionOf(history.append("b"))).toMatchObject({ code: "storage_failed" });
    expect(await rejectionOf(history.log.catchUp())).toMatchObject({ code: "storage_failed" });
    expect(await rejectionOf(history.log.read(1))).toMatchObject({ code: "storage_failed" });
  });

  it("ignores headers that look like a record's", async () => {
    const place = newPlace();
    const history = await History.open(connection(0), place);
    const fields = headers();
    fields.set("Parley-Record", "1 1 0 -5 0123456789ab 3");
    await connection(0).nc.request(place.subject, "abc", { headers: fields, timeout: 5000 });
    expect(await history.append("a")).toBe(1);
    expect(await history.all()).toEqual(["a"]);
  });
});
