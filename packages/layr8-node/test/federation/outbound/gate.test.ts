import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Gate, type GateOptions, type Permit } from "../../../src/federation/outbound/gate.ts";
import { Gates } from "../../../src/federation/outbound/gates.ts";
import { Slots } from "../../../src/federation/outbound/slots.ts";

const BASE = { maxActive: 8, retryMs: 1000, maxRetryMs: 60_000, now: () => Date.now() };

function gateOptions(changes: Partial<GateOptions> = {}): GateOptions {
  return { ...BASE, slots: new Slots(100), closed: new Set(), ...changes };
}

/** Waits at a gate, and notes when it is through. */
class Visitor {
  permit: Permit | undefined;
  away = false;

  constructor(gate: Pick<Gate, "enter">, again = false) {
    void this.#wait(gate, again);
  }

  get through(): Permit {
    if (this.permit === undefined) throw new Error("not through");
    return this.permit;
  }

  async #wait(gate: Pick<Gate, "enter">, again: boolean): Promise<void> {
    this.permit = await gate.enter(again);
    this.away = this.permit === undefined;
  }
}

async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

/** Opens a gate as wide as it goes. */
async function warmUp(gate: Gate): Promise<void> {
  for (let count = 0; count < 4; count++) (await gate.enter(false))?.ok();
}

async function visitors(gate: Gate, count: number, again = false): Promise<Visitor[]> {
  const all = Array.from({ length: count }, () => new Visitor(gate, again));
  await settled();
  return all;
}

const isThrough = ({ permit }: Visitor): boolean => permit !== undefined;

describe("a gate", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("lets one through at first, and twice as many after each success, up to its limit", async () => {
    const gate = new Gate(gateOptions({ maxActive: 4 }));
    const all = await visitors(gate, 12);
    const counts = [all.filter(isThrough).length];
    for (const index of [0, 1, 2]) {
      all[index]?.through.ok();
      await settled();
      counts.push(all.filter(isThrough).length - index - 1);
    }
    expect(counts).toEqual([1, 2, 4, 4]);
  });

  it("lets them through in the order of their coming", async () => {
    const gate = new Gate(gateOptions());
    const all = await visitors(gate, 3);
    expect(all.map(isThrough)).toEqual([true, false, false]);
    all[0]?.through.release();
    await settled();
    expect(all.map(isThrough)).toEqual([true, true, false]);
  });

  it("stays open after one failure", async () => {
    const gate = new Gate(gateOptions());
    const [first, second] = await visitors(gate, 2);
    expect(first?.through.failed("silent")).toBe(false);
    await settled();
    expect(second?.permit).toBeDefined();
    expect(gate.blocked).toBe(0);
  });

  it("closes after two silent failures in a row, and then lets one through at a time, later and later", async () => {
    const gate = new Gate(gateOptions());
    await warmUp(gate);
    const all = await visitors(gate, 20);
    expect(all.filter(isThrough)).toHaveLength(8);
    expect(all[0]?.through.failed("silent")).toBe(false);
    expect(all[1]?.through.failed("silent")).toBe(true);
    await settled();
    // The same bad moment: they make it no longer.
    for (const visitor of all.slice(2, 9)) expect(visitor.through.failed("silent")).toBe(true);
    await settled();
    expect(all.filter(isThrough)).toHaveLength(9); // one more came when the first had left
    expect(gate.blocked).toBe(11);
    const waits = [];
    for (let index = 9; index < 14; index++) {
      const since = Date.now();
      while (all[index]?.permit === undefined) await vi.advanceTimersToNextTimerAsync();
      waits.push(Date.now() - since);
      await settled();
      expect(all.filter(isThrough)).toHaveLength(index + 1);
      all[index]?.through.failed("silent");
    }
    waits.forEach((wait, index) => {
      expect(wait).toBeGreaterThanOrEqual(500 * 2 ** index);
      expect(wait).toBeLessThanOrEqual(1000 * 2 ** index + 1);
    });
  });

  it("opens for all at once at the first success", async () => {
    const gate = new Gate(gateOptions());
    const closers = await visitors(gate, 2);
    closers[0]?.through.failed("silent");
    await settled();
    closers[1]?.through.failed("silent");
    const all = await visitors(gate, 4);
    expect(all.some(isThrough)).toBe(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect(all.filter(isThrough)).toHaveLength(1);
    all[0]?.through.ok();
    await settled();
    expect(all.filter(isThrough)).toHaveLength(3); // the limit is two again
    expect(gate.blocked).toBe(0);
  });

  it("needs eight answers in a row that something can't be done now", async () => {
    const gate = new Gate(gateOptions());
    for (let count = 0; count < 7; count++) expect((await gate.enter(true))?.failed("answered")).toBe(false);
    expect((await gate.enter(false))?.failed("answered")).toBe(true);
  });

  it("forgets failures with a success in between", async () => {
    const gate = new Gate(gateOptions());
    for (let round = 0; round < 5; round++) {
      expect((await gate.enter(false))?.failed("silent")).toBe(false);
      (await gate.enter(false))?.ok();
    }
  });

  it("is closed for as long as the host has asked for", async () => {
    const gate = new Gate(gateOptions());
    (await gate.enter(false))?.failed("silent");
    expect((await gate.enter(false))?.failed("silent", 30_000)).toBe(true);
    const [visitor] = await visitors(gate, 1);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(visitor?.permit).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(visitor?.permit).toBeDefined();
  });

  it("is tried at once when the host is heard of, but no more than once a second", async () => {
    const gate = new Gate(gateOptions());
    const close = async (): Promise<void> => void (await gate.enter(false))?.failed("silent");
    await close();
    await close();
    const all = await visitors(gate, 8);
    let tried = 0;
    const fail = async (): Promise<void> => {
      await settled();
      for (const visitor of all.filter(isThrough).slice(tried)) {
        tried += 1;
        visitor.through.failed("silent");
      }
    };
    // Without a word of the host, the waits are 1, 2, 4, 8 … seconds at most.
    for (let second = 0; second < 6; second++) {
      for (let tenth = 0; tenth < 10; tenth++) {
        gate.hint();
        await vi.advanceTimersByTimeAsync(100);
        await fail();
      }
      expect(tried).toBeLessThanOrEqual(second + 1);
    }
    expect(tried).toBeGreaterThanOrEqual(5);
    await vi.advanceTimersByTimeAsync(5000);
    gate.hint();
    await settled();
    expect(all.filter(isThrough)).toHaveLength(tried + 1);
  });

  it("is left alone for as long as the host has asked for, whatever is heard of it", async () => {
    const gate = new Gate(gateOptions());
    (await gate.enter(false))?.failed("silent");
    (await gate.enter(false))?.failed("silent", 30_000);
    const [visitor] = await visitors(gate, 1);
    gate.hint();
    await vi.advanceTimersByTimeAsync(29_999);
    expect(visitor?.permit).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(visitor?.permit).toBeDefined();
  });

  it("probes with those that haven't failed yet, and lets those that have go first when it is open", async () => {
    const gate = new Gate(gateOptions());
    (await gate.enter(false))?.failed("silent");
    (await gate.enter(false))?.failed("silent");
    const [failed] = await visitors(gate, 1, true);
    const [fresh, later] = await visitors(gate, 2);
    await vi.advanceTimersByTimeAsync(1000);
    expect([failed, fresh, later].map((visitor) => visitor !== undefined && isThrough(visitor))).toEqual([false, true, false]);
    fresh?.through.release();
    await settled();
    later?.through.ok();
    await settled();
    expect(failed?.permit).toBeDefined();
  });

  it("sends everybody away at its end", async () => {
    const gate = new Gate(gateOptions());
    (await gate.enter(false))?.failed("silent");
    (await gate.enter(false))?.failed("silent");
    const all = await visitors(gate, 2);
    gate.end();
    all.push(...(await visitors(gate, 1)));
    expect(all.map(({ away }) => away)).toEqual([true, true, true]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("gates", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("share their slots in turns", async () => {
    const gates = new Gates(gateOptions({ slots: new Slots(2) }));
    const [a, b] = [new Visitor({ enter: (again) => gates.enter("a", again) }), new Visitor({ enter: (again) => gates.enter("a", again) })];
    const others = ["b", "c"].map((host) => new Visitor({ enter: (again) => gates.enter(host, again) }));
    await settled();
    // One gate has let one through, another one took the last slot.
    expect([a, b, ...others].map(isThrough)).toEqual([true, false, true, false]);
    a.through.ok();
    await settled();
    expect([a, b, ...others].map(isThrough)).toEqual([true, false, true, true]);
    others[0]?.through.ok();
    await settled();
    expect(b.permit).toBeDefined();
  });

  it("are forgotten when nobody has used them for long", async () => {
    const gates = new Gates(gateOptions());
    (await gates.enter("a", false))?.failed("silent");
    (await gates.enter("a", false))?.failed("silent");
    gates.sweep();
    const [visitor] = [new Visitor({ enter: (again) => gates.enter("a", again) })];
    await settled();
    expect(gates.blocked).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    visitor?.through.release();
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    gates.sweep();
    (await gates.enter("a", false))?.failed("silent");
    const after = new Visitor({ enter: (again) => gates.enter("a", again) });
    await settled();
    expect(after.permit).toBeDefined();
  });

  it("know whether one of them is closed", async () => {
    const gates = new Gates(gateOptions());
    const fail = async (): Promise<void> => void (await gates.enter("a", false))?.failed("silent");
    await fail();
    expect(gates.anyClosed).toBe(false);
    await fail();
    expect(gates.anyClosed).toBe(true);
    const [a, b] = [new Visitor({ enter: (again) => gates.enter("a", again) }), new Visitor({ enter: (again) => gates.enter("a", again) })];
    gates.hint("b");
    gates.hint("a");
    await vi.advanceTimersByTimeAsync(1000);
    a.through.ok();
    await settled();
    expect([isThrough(b), gates.anyClosed]).toEqual([true, false]);
    b.through.release();
    await fail();
    await fail();
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    gates.sweep();
    expect(gates.anyClosed).toBe(false);
  });

  it("let nobody through after their end", async () => {
    const gates = new Gates(gateOptions());
    gates.end();
    expect(await gates.enter("a", false)).toBeUndefined();
  });
});
