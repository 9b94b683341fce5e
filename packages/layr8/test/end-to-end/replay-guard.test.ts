import { describe, expect, it } from "vitest";
import { ReplayGuard } from "../../src/end-to-end/replay-guard.ts";
import { MemoryKeyStore } from "./memory-key-store.ts";

const ALICE = "did:web:a.example:alice";
const CAROL = "did:web:c.example:carol";

function message(n: number, sender = ALICE) {
  return { sender, id: `m${n}`, sealedTime: 1000 + n };
}

describe("a replay guard", () => {
  it("recognizes a handled message by sender and id, also after a restart", async () => {
    const store = new MemoryKeyStore();
    const guard = await ReplayGuard.open(store, "handled");
    expect(guard.check(message(1))).toBe("new");
    await guard.record(message(1));
    for (const each of [guard, await ReplayGuard.open(store, "handled")]) {
      expect(each.check(message(1))).toBe("handled");
      expect(each.check({ ...message(1), sealedTime: 9999 })).toBe("handled");
      expect(each.check(message(1, CAROL))).toBe("new");
      expect(each.check(message(2))).toBe("new");
    }
  });

  it("forgets the oldest ones, and rejects what its sender encrypted until then", async () => {
    const store = new MemoryKeyStore();
    const guard = await ReplayGuard.open(store, "handled", 10);
    for (let n = 1; n <= 15; n++) await guard.record(message(n));
    for (const each of [guard, await ReplayGuard.open(store, "handled", 10)]) {
      expect([1, 5, 6, 15].map((n) => each.check(message(n)))).toEqual(["too_old", "too_old", "handled", "handled"]);
      // A late message that was encrypted before.
      expect(each.check({ sender: ALICE, id: "late", sealedTime: 1003 })).toBe("too_old");
      expect(each.check({ sender: ALICE, id: "fresh", sealedTime: 1016 })).toBe("new");
      expect(each.check({ sender: CAROL, id: "late", sealedTime: 1 })).toBe("new");
      expect(each.check({ sender: ALICE, id: "of another implementation", sealedTime: undefined })).toBe("new");
    }
  });

  it("keeps its file small", async () => {
    const store = new MemoryKeyStore();
    const guard = await ReplayGuard.open(store, "handled", 10);
    for (let n = 1; n <= 500; n++) await guard.record(message(n));
    expect(store.texts.get("handled")?.split("\n").length).toBeLessThan(40);
    expect(store.writes).toBeGreaterThan(10);
    expect((await ReplayGuard.open(store, "handled", 10)).check(message(250))).toBe("too_old");
  });

  it("survives a crash while a line was written", async () => {
    const store = new MemoryKeyStore();
    await (await ReplayGuard.open(store, "handled")).record(message(1));
    const text = store.texts.get("handled") ?? "";
    for (let length = 0; length < text.length; length++) {
      store.texts.set("handled", text + text.replaceAll("m", "x").slice(0, length));
      const guard = await ReplayGuard.open(store, "handled");
      expect(guard.check(message(1))).toBe("handled");
      await guard.record(message(2));
      expect((await ReplayGuard.open(store, "handled")).check(message(2))).toBe("handled");
    }
  });

  it("shares one write between messages that are handled together", async () => {
    const store = new MemoryKeyStore();
    const guard = await ReplayGuard.open(store, "handled");
    let appends = 0;
    const { append } = store;
    store.append = (name, text) => {
      appends += 1;
      return append.call(store, name, text);
    };
    await Promise.all(Array.from({ length: 100 }, (_, n) => guard.record(message(n))));
    expect(appends).toBeLessThan(5);
    expect(store.texts.get("handled")?.split("\n")).toHaveLength(101);
  });

  it("records nothing as written that its store has not taken, and goes on", async () => {
    const store = new MemoryKeyStore();
    const guard = await ReplayGuard.open(store, "handled");
    const { append } = store;
    store.append = () => Promise.reject(new Error("disk full"));
    await expect(guard.record(message(1))).rejects.toThrow("disk full");
    store.append = append;
    await guard.record(message(2));
    expect((await ReplayGuard.open(store, "handled")).check(message(2))).toBe("handled");
  });

  it.each([0, 10, 40])("records a handled message again whose write has failed after %i characters", async (room) => {
    const store = new MemoryKeyStore();
    const guard = await ReplayGuard.open(store, "handled");
    store.room = room;
    await expect(guard.record(message(1))).rejects.toThrow("disk full");
    expect(guard.check(message(1))).toBe("handled");
    await guard.record(message(1));
    expect((await ReplayGuard.open(store, "handled")).check(message(1))).toBe("handled");
    store.room = room;
    await expect(guard.record(message(2))).rejects.toThrow("disk full");
    await guard.record(message(3));
    const reopened = await ReplayGuard.open(store, "handled");
    expect([1, 2, 3].map((n) => reopened.check(message(n)))).toEqual(["handled", "handled", "handled"]);
  });
});
