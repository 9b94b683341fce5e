import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Envelope, EnvelopeFanOut, type EnvelopeKeeper, type ReceivedEnvelope } from "../src/index.ts";
import { bytes } from "./utf8.ts";

const manual = { settle: "manual" } as const;

function message(content: string, protocol = "raw"): ReceivedEnvelope {
  return { envelope: new Envelope(protocol, "text/plain", bytes(content)), id: content };
}

/** A keeper that records its calls. */
function noting(told: string[], content: string): EnvelopeKeeper {
  return { settled: () => void told.push(`settled ${content}`), left: () => void told.push(`left ${content}`) };
}

async function taken(inbound: AsyncIterator<ReceivedEnvelope, undefined>): Promise<ReceivedEnvelope> {
  const { value } = await inbound.next();
  if (value === undefined) throw new Error("The iteration has ended");
  return value;
}

/** Resolves after all scheduled work. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("EnvelopeFanOut with a keeper", () => {
  it("settles an envelope when the iteration returns it, not when it is buffered", async () => {
    const told: string[] = [];
    const fanOut = new EnvelopeFanOut();
    const inbound = fanOut.receive();
    await fanOut.deliver(message("a"), noting(told, "a"));
    await fanOut.deliver(message("b"), noting(told, "b"));
    await turn();
    expect(told).toEqual([]);
    await inbound.next();
    expect(told).toEqual(["settled a"]);
  });

  it("settles an envelope once all subscribers have settled it, and resolves with the keeper", async () => {
    let finish: () => void = () => undefined;
    const written = new Promise<void>((resolve) => (finish = resolve));
    const fanOut = new EnvelopeFanOut();
    const [one, two, other] = [fanOut.receive(manual), fanOut.receive(manual), fanOut.receive()];
    const told: string[] = [];
    const keeper = { ...noting(told, "a"), settled: () => written.then(() => void told.push("written")) };
    await fanOut.deliver(message("a"), keeper);
    let settled = 0;
    for (const inbound of [one, two]) void (await taken(inbound)).settle?.().then(() => settled++);
    await turn();
    expect(settled).toBe(0);
    await taken(other);
    finish();
    await expect.poll(() => settled).toBe(2);
    expect(told).toEqual(["written"]);
  });

  it("rejects `settle` if the keeper fails", async () => {
    const fanOut = new EnvelopeFanOut();
    const inbound = fanOut.receive(manual);
    const full = new Error("the disk is full");
    await fanOut.deliver(message("a"), { settled: () => Promise.reject(full), left: () => undefined });
    await expect((await taken(inbound)).settle?.()).rejects.toBe(full);
  });

  it("reports envelopes that a subscriber leaves, oldest first: returned, buffered or waiting for capacity", async () => {
    const told: string[] = [];
    const fanOut = new EnvelopeFanOut({ maxBuffered: 2 });
    const inbound = fanOut.receive(manual);
    const delivering = Promise.all(["a", "b", "c"].map((content) => fanOut.deliver(message(content), noting(told, content))));
    await taken(inbound);
    await inbound.return?.();
    await delivering;
    expect(told).toEqual(["left a", "left b", "left c"]);
  });

  it("reports an envelope once if several subscribers leave it", async () => {
    const told: string[] = [];
    const fanOut = new EnvelopeFanOut();
    const all = [fanOut.receive(manual), fanOut.receive(manual)];
    await fanOut.deliver(message("a"), noting(told, "a"));
    for (const inbound of all) await inbound.return?.();
    expect(told).toEqual(["left a"]);
  });

  it("settles the buffer of a subscriber that ends, if it settles on delivery", async () => {
    const told: string[] = [];
    const fanOut = new EnvelopeFanOut();
    const inbound = fanOut.receive();
    await fanOut.deliver(message("a"), noting(told, "a"));
    await inbound.return?.();
    expect(told).toEqual(["settled a"]);
  });

  it("settles dropped envelopes", async () => {
    const told: string[] = [];
    const fanOut = new EnvelopeFanOut({ maxBuffered: 1 });
    const inbound = fanOut.receive({ overflow: "drop-oldest" });
    for (const content of ["a", "b"]) await fanOut.deliver(message(content), noting(told, content));
    expect(told).toEqual(["settled a"]);
    expect((await taken(inbound)).missed).toBe(1);
  });

  it("reports envelopes that are left when the port is closed, and delivers nothing after that", async () => {
    const told: string[] = [];
    const fanOut = new EnvelopeFanOut({ maxBuffered: 1 });
    const [byHand, other] = [fanOut.receive(manual), fanOut.receive()];
    const delivering = Promise.all(["a", "b"].map((content) => fanOut.deliver(message(content), noting(told, content))));
    await taken(byHand);
    fanOut.close();
    await delivering;
    expect(told).toEqual(["left a", "left b"]);
    expect([await byHand.next(), await other.next()].map(({ done }) => done)).toEqual([true, true]);
  });

  it("accepts a late settle until another subscriber has received the envelope", async () => {
    const told: string[] = [];
    const fanOut = new EnvelopeFanOut();
    const [a, b] = [message("a"), message("b")];
    const first = fanOut.receive(manual);
    for (const each of [a, b]) await fanOut.deliver(each, noting(told, each.id ?? ""));
    const [gotA, gotB] = [await taken(first), await taken(first)];
    await first.return?.();
    const second = fanOut.receive(manual);
    expect(await fanOut.deliver(b)).toBe(1);
    await gotA.settle?.();
    const late = gotB.settle?.();
    await turn();
    expect(told).toEqual(["left a", "left b", "settled a"]);
    await (await taken(second)).settle?.();
    await late;
    expect(told).toEqual(["left a", "left b", "settled a", "settled b"]);
  });
});

describe("EnvelopeFanOut.wants", () => {
  it("is true for envelopes that a subscriber of their protocol has not received", async () => {
    const fanOut = new EnvelopeFanOut();
    const [a, b] = [message("a"), message("b", "mcp")];
    expect(fanOut.wants(a)).toBe(false);
    const inbound = fanOut.receive({ ...manual, protocol: "raw" });
    expect([fanOut.wants(a), fanOut.wants(b)]).toEqual([true, false]);
    await fanOut.deliver(a);
    expect(fanOut.wants(a)).toBe(false);
    expect(await fanOut.deliver(a)).toBe(0);
    await inbound.return?.();
    expect(fanOut.wants(a)).toBe(false);
    fanOut.receive();
    expect(fanOut.wants(a)).toBe(true);
  });
});

/** A port that keeps unsettled envelopes in order, as implementers write it. */
class KeepingPort {
  readonly fanOut: EnvelopeFanOut;
  readonly settled = new Set<number>();
  #waiting: { readonly place: number; readonly received: ReceivedEnvelope }[];
  #delivering = false;

  constructor(count: number, maxBuffered: number) {
    this.fanOut = new EnvelopeFanOut({ maxBuffered });
    this.#waiting = Array.from({ length: count }, (_, place) => ({ place, received: message(`${place}`) }));
  }

  get left(): readonly number[] {
    return this.#waiting.map(({ place }) => place);
  }

  async deliverAll(): Promise<void> {
    if (this.#delivering) return;
    this.#delivering = true;
    for (;;) {
      const item = this.#waiting.find(({ received }) => this.fanOut.wants(received));
      if (item === undefined) break;
      this.#waiting = this.#waiting.filter((each) => each !== item);
      await this.fanOut.deliver(item.received, {
        settled: () => {
          this.#waiting = this.#waiting.filter((each) => each !== item);
          this.settled.add(item.place);
        },
        left: () => (this.#waiting = [...this.#waiting, item].toSorted((a, b) => a.place - b.place)),
      });
    }
    this.#delivering = false;
  }
}

interface Reader {
  readonly inbound: AsyncIterator<ReceivedEnvelope, undefined>;
  readonly got: { readonly place: number; readonly received: ReceivedEnvelope }[];
  readonly settled: Set<number>;
  isOver: boolean;
  next: Promise<void> | undefined;
}

async function takeOne(reader: Reader): Promise<void> {
  const { value } = await reader.inbound.next();
  reader.next = undefined;
  if (value !== undefined) reader.got.push({ place: Number(value.id), received: value });
}

it("settles or redelivers each envelope in order, and never twice to one subscriber, while subscribers come and go", async () => {
  const steps = fc.array(
    fc.record({
      do: fc.constantFrom("subscribe", "subscribe", "take", "take", "take", "settle", "settle", "late", "end"),
      who: fc.nat(),
      which: fc.nat(),
    }),
    { maxLength: 80 },
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 4 }), steps, async (count, maxBuffered, all) => {
      const port = new KeepingPort(count, maxBuffered);
      const readers: Reader[] = [];
      const settledBy = new Map<number, number>();
      for (const step of all) {
        const reader = readers[step.who % Math.max(readers.length, 1)];
        const item = reader?.got[step.which % Math.max(reader.got.length, 1)];
        if (step.do === "subscribe")
          readers.push({ inbound: port.fanOut.receive(manual), got: [], settled: new Set(), isOver: false, next: undefined });
        else if (step.do === "take" && reader !== undefined && !reader.isOver) {
          reader.next ??= takeOne(reader);
        } else if (step.do === "end" && reader !== undefined) {
          reader.isOver = true;
          await reader.inbound.return?.();
        } else if (item !== undefined && (step.do === "late" || (step.do === "settle" && reader?.isOver === false))) {
          settledBy.set(item.place, (settledBy.get(item.place) ?? 0) + 1);
          reader?.settled.add(item.place);
          void item.received.settle?.();
        }
        void port.deliverAll();
        await turn();
        for (const { got, settled } of readers) {
          expect(new Set(got.map(({ place }) => place)).size).toBe(got.length);
          expect(got.length - settled.size).toBeLessThanOrEqual(maxBuffered);
        }
      }
      for (const place of port.settled) expect(settledBy.get(place)).toBeGreaterThan(0);
      // All subscribers end, and a new one receives the rest.
      for (const { inbound } of readers) await inbound.return?.();
      await turn();
      const rest = [...port.left];
      expect(rest).toEqual(rest.toSorted((a, b) => a - b));
      expect([...rest, ...port.settled].toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, place) => place));
      const last = port.fanOut.receive(manual);
      void port.deliverAll();
      for (const place of rest) {
        const again = await taken(last);
        expect(again.id).toBe(`${place}`);
        await again.settle?.();
      }
      expect(port.settled.size).toBe(count);
    }),
  );
});
