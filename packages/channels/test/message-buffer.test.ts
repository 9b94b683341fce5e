import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MessageBuffer } from "../src/message-buffer.ts";

const ignore = (): void => undefined;

/** Lets everything run that can. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a buffer of messages", () => {
  it("gives all that is there at once, in order", async () => {
    const buffer = new MessageBuffer<number>({}, ignore);
    for (const item of [1, 2, 3]) await buffer.push(item, 1);
    expect(await buffer.take()).toEqual([1, 2, 3]);
    expect(await buffer.take({ timeout: 0 })).toEqual([]);
  });

  it("waits for a first message, in seconds", async () => {
    const buffer = new MessageBuffer<string>({}, ignore);
    const taken = buffer.take({ timeout: 60 });
    await settled();
    await buffer.push("late", 1);
    expect(await taken).toEqual(["late"]);

    const begun = performance.now();
    expect(await buffer.take({ timeout: 0.05 })).toEqual([]);
    expect(performance.now() - begun).toBeGreaterThan(40);
  });

  it.each([-1, Number.NaN, "5" as unknown as number])("refuses %s as a timeout", async (timeout) => {
    await expect(new MessageBuffer<number>({}, ignore).take({ timeout })).rejects.toThrow(TypeError);
  });

  it("takes any number of seconds, however large", async () => {
    const buffer = new MessageBuffer<number>({}, ignore);
    const taken = buffer.take({ timeout: Number.POSITIVE_INFINITY });
    await settled();
    await buffer.push(1, 1);
    expect(await taken).toEqual([1]);
  });

  it("makes writers wait when it is full, and loses nothing", async () => {
    const buffer = new MessageBuffer<number>({ maxBuffered: 2 }, () => expect.unreachable());
    const writing = (async () => {
      for (let item = 0; item < 7; item += 1) await buffer.push(item, 1);
      buffer.end(new Error("the end"));
    })();
    await settled();
    const taken: number[][] = [];
    for (;;) {
      try {
        taken.push(await buffer.take({ timeout: 60 }));
      } catch (error) {
        expect(error).toMatchObject({ message: "the end" });
        break;
      }
    }
    await writing;
    expect(taken[0]).toEqual([0, 1]);
    expect(taken.flat()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it("drops the oldest where that is wanted, and counts them", async () => {
    let dropped = 0;
    const buffer = new MessageBuffer<number>({ maxBuffered: 3, overflow: "drop-oldest" }, () => (dropped += 1));
    for (let item = 0; item < 10; item += 1) await buffer.push(item, 1);
    expect(await buffer.take()).toEqual([7, 8, 9]);
    expect(dropped).toBe(7);
  });

  it("counts bytes too, and takes one message however large it is", async () => {
    let dropped = 0;
    const buffer = new MessageBuffer<string>({ maxBufferedBytes: 10, overflow: "drop-oldest" }, () => (dropped += 1));
    await buffer.push("huge", 1000);
    await buffer.push("small", 4);
    await buffer.push("small too", 6);
    expect(await buffer.take()).toEqual(["small", "small too"]);
    expect(dropped).toBe(1);
  });

  it("gives what is there after its end, and then its error, for ever", async () => {
    const buffer = new MessageBuffer<number>({}, ignore);
    const waiting = new MessageBuffer<number>({}, ignore).take({ timeout: 0.01 });
    await buffer.push(1, 1);
    buffer.end(new Error("removed"));
    await buffer.push(2, 1);
    expect(await buffer.take()).toEqual([1]);
    await expect(buffer.take()).rejects.toThrow("removed");
    await expect(buffer.take({ timeout: 60 })).rejects.toThrow("removed");
    expect(await waiting).toEqual([]);
  });

  it("stops waiting when told to, and keeps what comes later", async () => {
    const buffer = new MessageBuffer<number>({}, ignore);
    const controller = new AbortController();
    const taken = buffer.take({ timeout: 60, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(taken).rejects.toThrow("enough");
    await buffer.push(1, 1);
    expect(await buffer.take()).toEqual([1]);
  });

  it.each([{ maxBuffered: 0 }, { maxBufferedBytes: 0 }, { overflow: "grow" as "wait" }])("refuses %j", (options) => {
    expect(() => new MessageBuffer(options, ignore)).toThrow(TypeError);
  });

  it("neither loses, repeats nor reorders anything, whoever comes first", async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 100 }),
        async (items, maxBuffered, maxBufferedBytes) => {
          const buffer = new MessageBuffer<number>({ maxBuffered, maxBufferedBytes }, () => expect.unreachable());
          const writing = (async () => {
            for (const [index, bytes] of items.entries()) {
              await buffer.push(index, bytes);
              if (bytes % 3 === 0) await settled();
            }
            buffer.end(new Error("the end"));
          })();
          const taken: number[] = [];
          for (let open = true; open;) {
            const batch = await buffer.take({ timeout: 60 }).catch(() => undefined);
            if (batch === undefined) open = false;
            else {
              expect(batch.length).toBeLessThanOrEqual(maxBuffered);
              taken.push(...batch);
            }
          }
          await writing;
          expect(taken).toEqual([...items.keys()]);
        },
      ),
    );
  });
});
