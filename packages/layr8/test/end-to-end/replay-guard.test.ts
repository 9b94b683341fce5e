import { describe, expect, it } from "vitest";
import { ReplayGuard } from "../../src/end-to-end/replay-guard.ts";
import { MemoryKeyStore } from "./memory-key-store.ts";

const ALICE = "did:web:a.example:alice";
const FILE = { name: "handled", did: ALICE };
const DIGEST = "A".repeat(43);
const CAROL = "did:web:c.example:carol";

function message(n: number, sender = ALICE) {
  return { sender, id: `m${n}`, sealedTime: 1000 + n };
}

describe("a replay guard", () => {
  it("recognizes a handled message by sender and id, also after a restart", async () => {
    const store = new MemoryKeyStore();
    const guard = await ReplayGuard.open(store, FILE);
    expect(guard.check(message(1))).toBe("new");
    await guard.record(message(1));
    for (const each of [guard, await ReplayGuard.open(store, FILE)]) {
      expect(each.check(message(1))).toBe("handled");
      expect(each.check({ ...message(1), sealedTime: 9999 })).toBe("handled");
      expect(each.check(message(1, CAROL))).toBe("new");
      expect(each.check(message(2))).toBe("new");
    }
  });

  it("forgets the oldest ones, and rejects what its sender encrypted until then", async () => {
    const store = new MemoryKeyStore();
    const guard = await ReplayGuard.open(store, FILE, 10);
    for (let n = 1; n <= 15; n++) await guard.record(message(n));
    for (const each of [guard, await ReplayGuard.open(store, FILE, 10)]) {
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
    const guard = await ReplayGuard.open(store, FILE, 10);
    for (let n = 1; n <= 500; n++) await guard.record(message(n));
    expect(store.texts.get("handled")?.split("\n").length).toBeLessThan(40);
    expect(store.writes).toBeGreaterThan(10);
    expect((await ReplayGuard.open(store, FILE, 10)).check(message(250))).toBe("too_old");
  });

  it("survives a crash while a line was written", async () => {
    const store = new MemoryKeyStore();
    await (await ReplayGuard.open(store, FILE)).record(message(1));
    const text = store.texts.get("handled") ?? "";
    const line = text.slice(text.indexOf("\n") + 1);
    for (let length = 0; length < line.length; length++) {
      store.texts.set("handled", text + line.slice(0, length));
      const guard = await ReplayGuard.open(store, FILE);
      expect(guard.check(message(1))).toBe("handled");
      await guard.record(message(2));
      expect((await ReplayGuard.open(store, FILE)).check(message(2))).toBe("handled");
    }
  });

  it("rejects a file that is damaged otherwise, and that of another agent", async () => {
    const store = new MemoryKeyStore();
    await (await ReplayGuard.open(store, FILE)).record(message(1));
    const text = store.texts.get("handled") ?? "";
    expect(text).toMatch(/^\{"owner":"did:web:a\.example:alice"\}\n\S+ \S+ 1001 \.\n$/);
    for (const [damaged, line] of [
      [`${text}a b 1\n`, 3],
      [`a b\n${text}`, 1],
      [text.replace("1001", "soon"), 2],
      [`${text}\n`, 3],
    ] as const) {
      store.texts.set("handled", damaged);
      await expect(ReplayGuard.open(store, FILE)).rejects.toMatchObject({
        code: "key_store_invalid",
        message: expect.stringContaining(`"handled" of the key store is damaged in line ${line}`) as unknown,
      });
    }
    store.texts.set("handled", text);
    await expect(ReplayGuard.open(store, { name: "handled", did: CAROL })).rejects.toMatchObject({
      code: "key_store_invalid",
      message: `"handled" of the key store is a file of ${ALICE}, not of ${CAROL}`,
    });
  });

  it("remembers what the receipt of a message says, also after a restart and when its file is made small", async () => {
    const store = new MemoryKeyStore();
    const guard = await ReplayGuard.open(store, FILE, 10);
    const codes = ["e.p.req.out-of-stock", "with space\n", "", "\ud800é", undefined];
    for (const [n, code] of codes.entries()) await guard.record(message(n), { failure: code, ...(n % 2 === 0 && { digest: DIGEST }) });
    // The lone surrogate has no form in UTF-8.
    const read = ["e.p.req.out-of-stock", "with space\n", "", "\ufffdé", undefined];
    const reopened = await ReplayGuard.open(store, FILE, 10);
    expect(codes.map((_, n) => reopened.outcomeOf(message(n)).failure)).toEqual(read);
    expect(codes.map((_, n) => reopened.outcomeOf(message(n)).digest)).toEqual([DIGEST, undefined, DIGEST, undefined, DIGEST]);
    expect(reopened.outcomeOf(message(99))).toEqual({});
    const before = store.writes;
    for (let n = 0; n < 40; n++) {
      await reopened.record({ ...message(n), id: `other${n}` }, { failure: "e.p.x", digest: DIGEST });
    }
    expect(store.writes).toBeGreaterThan(before);
    const last = await ReplayGuard.open(store, FILE, 10);
    expect(last.outcomeOf({ ...message(39), id: "other39" })).toMatchObject({ failure: "e.p.x", digest: DIGEST });
  });

  it("ignores a line with a problem code that a crash has cut", async () => {
    const store = new MemoryKeyStore();
    await (await ReplayGuard.open(store, FILE)).record(message(1), { failure: "e.p.req.out-of-stock", digest: DIGEST });
    const text = store.texts.get("handled") ?? "";
    expect(text.endsWith("\n")).toBe(true);
    for (let length = 0; length < text.length; length++) {
      store.texts.set("handled", text.slice(0, length));
      // Without its end, the line could mean that the message was handled.
      expect((await ReplayGuard.open(store, FILE)).check(message(1))).toBe("new");
    }
  });

  it("shares one write between messages that are handled together", async () => {
    const store = new MemoryKeyStore();
    const guard = await ReplayGuard.open(store, FILE);
    let appends = 0;
    const { append } = store;
    store.append = (name, text) => {
      appends += 1;
      return append.call(store, name, text);
    };
    await Promise.all(Array.from({ length: 100 }, (_, n) => guard.record(message(n))));
    expect(appends).toBeLessThan(5);
    expect(store.texts.get("handled")?.split("\n")).toHaveLength(102);
  });

  it("records nothing as written that its store has not taken, and goes on", async () => {
    const store = new MemoryKeyStore();
    const guard = await ReplayGuard.open(store, FILE);
    const { append } = store;
    store.append = () => Promise.reject(new Error("disk full"));
    await expect(guard.record(message(1))).rejects.toThrow("disk full");
    store.append = append;
    await guard.record(message(2));
    expect((await ReplayGuard.open(store, FILE)).check(message(2))).toBe("handled");
  });

  it.each([0, 10, 40])("records a handled message again whose write has failed after %i characters", async (room) => {
    const store = new MemoryKeyStore();
    const guard = await ReplayGuard.open(store, FILE);
    store.room = room;
    await expect(guard.record(message(1))).rejects.toThrow("disk full");
    expect(guard.check(message(1))).toBe("handled");
    await guard.record(message(1));
    expect((await ReplayGuard.open(store, FILE)).check(message(1))).toBe("handled");
    store.room = room;
    await expect(guard.record(message(2))).rejects.toThrow("disk full");
    await guard.record(message(3));
    const reopened = await ReplayGuard.open(store, FILE);
    expect([1, 2, 3].map((n) => reopened.check(message(n)))).toEqual(["handled", "handled", "handled"]);
  });
});
