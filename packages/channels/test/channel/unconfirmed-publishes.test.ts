import { describe, expect, it } from "vitest";
import { UnconfirmedPublishes } from "../../src/channel/unconfirmed-publishes.ts";
import { bytes } from "../support/harness.ts";

const entry = (sequence: number, payload: string, key = "key") => ({ sequence, payload: bytes(payload), key: bytes(key) });

function expecting(hasId = false): UnconfirmedPublishes {
  const entries = new UnconfirmedPublishes();
  entries.add(3, { key: bytes("key"), payloads: [bytes("second"), bytes("first")], hasId });
  return entries;
}

describe("an acknowledged entry", () => {
  it.each(["first", "second"])("is recognized by any payload published under its key: %s", (payload) => {
    const entries = expecting();
    expect(entries.take(entry(2, payload))).toBe("other");
    expect(entries.take(entry(3, payload))).toBe("same");
    expect(entries.take(entry(3, payload))).toBe("other");
  });

  it("is a fork when another entry has its sequence number", () => {
    expect(() => expecting().take(entry(3, "another"))).toThrow(expect.objectContaining({ code: "fork" }));
    expect(() => expecting(true).take(entry(3, "another", "another's"))).toThrow(expect.objectContaining({ code: "fork" }));
  });

  it("can have another payload under its key if the send has an id", () => {
    expect(expecting(true).take(entry(3, "of another life"))).toBe("repeated");
  });

  it("is removed when the relay has evicted it", () => {
    const entries = expecting();
    entries.forget(1, 3);
    expect(() => entries.take(entry(3, "another"))).toThrow(expect.objectContaining({ code: "fork" }));
    const evicted = expecting();
    evicted.forget(2, 4);
    expect(evicted.take(entry(3, "another"))).toBe("other");
  });

  it("is removed with its log", () => {
    const entries = expecting();
    entries.clear();
    expect(entries.take(entry(3, "another"))).toBe("other");
  });

  it("is remembered up to a limit", () => {
    const entries = new UnconfirmedPublishes();
    for (let sequence = 1; sequence <= 10_001; sequence++)
      entries.add(sequence, { key: bytes("key"), payloads: [bytes("a")], hasId: false });
    expect(() => entries.take(entry(10_000, "b"))).toThrow(expect.objectContaining({ code: "fork" }));
    expect(entries.take(entry(10_001, "b"))).toBe("other");
  });
});
