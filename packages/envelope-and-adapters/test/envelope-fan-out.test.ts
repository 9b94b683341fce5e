import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Envelope, EnvelopeFanOut, type ReceivedEnvelope } from "../src/index.ts";
import { bytes, text } from "./utf8.ts";

function message(content: string, protocol = "raw"): ReceivedEnvelope {
  return { envelope: new Envelope(protocol, "text/plain", bytes(content)), sender: "alice" };
}

async function take(inbound: AsyncIterator<ReceivedEnvelope, undefined>): Promise<string | undefined> {
  const { value } = await inbound.next();
  return value === undefined ? undefined : text(value.envelope.payload);
}

/** Whether a promise is still pending after all other scheduled work. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  const turn = new Promise((resolve) => setImmediate(() => resolve(pending)));
  return (await Promise.race([promise, turn])) === pending;
}

describe("EnvelopeFanOut", () => {
  it("delivers all envelopes of its protocol to each subscriber, from its subscription on", async () => {
    const fanOut = new EnvelopeFanOut();
    expect(await fanOut.deliver(message("too early"))).toBe(0);
    const all = fanOut.receive();
    const mcp = fanOut.receive({ protocol: "mcp" });
    expect(await fanOut.deliver(message("one"))).toBe(1);
    expect(await fanOut.deliver(message("two", "mcp"))).toBe(2);
    expect([await take(all), await take(all), await take(mcp)]).toEqual(["one", "two", "two"]);
  });

  it("delivers sender and envelope unchanged", async () => {
    const fanOut = new EnvelopeFanOut();
    const inbound = fanOut.receive();
    const waiting = inbound.next();
    const sent = message("hello");
    await fanOut.deliver(sent);
    expect((await waiting).value).toBe(sent);
  });

  it("waits for a subscriber with a full buffer, without losing envelopes", async () => {
    const fanOut = new EnvelopeFanOut({ maxBuffered: 2 });
    const slow = fanOut.receive();
    const fast = fanOut.receive();
    await fanOut.deliver(message("1"));
    await fanOut.deliver(message("2"));
    expect([await take(fast), await take(fast)]).toEqual(["1", "2"]);
    const third = fanOut.deliver(message("3"));
    expect(await isPending(third)).toBe(true);
    expect(await take(slow)).toBe("1");
    expect(await third).toBe(2);
    expect([await take(slow), await take(slow), await take(fast)]).toEqual(["2", "3", "3"]);
  });

  it("keeps the order of waiting deliveries", async () => {
    const fanOut = new EnvelopeFanOut({ maxBuffered: 1 });
    const inbound = fanOut.receive();
    const sent = ["1", "2", "3", "4"];
    const delivered = Promise.all(sent.map((content) => fanOut.deliver(message(content))));
    const got: (string | undefined)[] = [];
    for (const _ of sent) got.push(await take(inbound));
    expect(got).toEqual(sent);
    await delivered;
  });

  it("limits the bytes of a buffer, but accepts any envelope when it is empty", async () => {
    const fanOut = new EnvelopeFanOut({ maxBufferedBytes: 4 });
    const inbound = fanOut.receive();
    await fanOut.deliver(message("larger than that"));
    const second = fanOut.deliver(message("x"));
    expect(await isPending(second)).toBe(true);
    expect(await take(inbound)).toBe("larger than that");
    await second;
    expect(await take(inbound)).toBe("x");
  });

  it("drops the oldest envelopes with `drop-oldest`, and reports their number", async () => {
    const fanOut = new EnvelopeFanOut({ maxBuffered: 2 });
    const inbound = fanOut.receive({ overflow: "drop-oldest" });
    for (const content of ["1", "2", "3", "4"]) await fanOut.deliver(message(content));
    const { value } = await inbound.next();
    expect([text(value?.envelope.payload), value?.missed]).toEqual(["3", 2]);
    expect((await inbound.next()).value).not.toHaveProperty("missed");
  });

  it("completes waiting deliveries when the subscriber ends", async () => {
    const fanOut = new EnvelopeFanOut({ maxBuffered: 1 });
    const inbound = fanOut.receive();
    await fanOut.deliver(message("1"));
    const second = fanOut.deliver(message("2"));
    await inbound.return?.();
    await second;
    expect(await fanOut.deliver(message("3"))).toBe(0);
    expect(await take(inbound)).toBeUndefined();
  });

  it("ends a subscription without an error when its signal fires", async () => {
    const fanOut = new EnvelopeFanOut();
    const abort = new AbortController();
    const inbound = fanOut.receive({ signal: abort.signal });
    await fanOut.deliver(message("let go"));
    const other = fanOut.receive({ signal: abort.signal });
    const waiting = other.next();
    abort.abort();
    expect([await take(inbound), (await waiting).done]).toEqual([undefined, true]);
    expect(await take(fanOut.receive({ signal: abort.signal }))).toBeUndefined();
    expect(await fanOut.deliver(message("nobody"))).toBe(0);
  });

  it("ends all subscriptions after their buffered envelopes", async () => {
    const fanOut = new EnvelopeFanOut();
    const inbound = fanOut.receive();
    const waiting = fanOut.receive({ protocol: "mcp" }).next();
    await fanOut.deliver(message("last"));
    fanOut.end();
    fanOut.fail(new Error("too late"));
    expect([await take(inbound), await take(inbound), await take(inbound)]).toEqual(["last", undefined, undefined]);
    expect((await waiting).done).toBe(true);
    expect(await take(fanOut.receive())).toBeUndefined();
  });

  it("fails all subscriptions after their buffered envelopes, and later subscriptions", async () => {
    const fanOut = new EnvelopeFanOut();
    const failure = new Error("broken");
    const inbound = fanOut.receive();
    const waiting = fanOut.receive({ protocol: "mcp" }).next();
    await fanOut.deliver(message("last"));
    fanOut.fail(failure);
    expect(await take(inbound)).toBe("last");
    await expect(inbound.next()).rejects.toBe(failure);
    expect(await take(inbound)).toBeUndefined();
    await expect(waiting).rejects.toBe(failure);
    await expect(fanOut.receive().next()).rejects.toBe(failure);
  });

  it("rejects a second concurrent reader of a subscription", async () => {
    const inbound = new EnvelopeFanOut().receive();
    void inbound.next();
    await expect(inbound.next()).rejects.toThrow(TypeError);
  });
});

it("delivers all envelopes in order to subscribers of any speed", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 30 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.array(fc.boolean())),
      async (count, maxBuffered, paces) => {
        const fanOut = new EnvelopeFanOut({ maxBuffered });
        const sent = Array.from({ length: count }, (_, index) => `${index}`);
        const reading = paces.map(async (pace) => {
          const got: string[] = [];
          for await (const { envelope } of fanOut.receive()) {
            got.push(text(envelope.payload));
            if (pace[got.length % Math.max(pace.length, 1)] === true) await new Promise((resolve) => setImmediate(resolve));
          }
          return got;
        });
        for (const content of sent) expect(await fanOut.deliver(message(content))).toBe(paces.length);
        fanOut.end();
        for (const got of await Promise.all(reading)) expect(got).toEqual(sent);
      },
    ),
  );
});
