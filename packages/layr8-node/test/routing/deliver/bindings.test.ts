import { describe, expect, it } from "vitest";
import { Bindings } from "../../../src/routing/deliver/bindings.ts";

const NONE: ReadonlySet<object> = new Set();
const ECHO = "https://layr8.io/protocols/echo/1.0";
const ORDER = "https://layr8.io/protocols/order/1.0";
const REPORT = "https://didcomm.org/report-problem/2.0";
const a = { name: "a" };
const b = { name: "b" };

describe("Bindings", () => {
  it("shares a DID between two connections with different protocols", () => {
    const bindings = new Bindings<object>();
    expect(bindings.bind(a, [REPORT, ECHO])).toEqual([]);
    expect(bindings.bind(b, [REPORT, ORDER])).toEqual([]);
    expect(bindings.find(ECHO, NONE)).toBe(a);
    expect(bindings.find(ORDER, NONE)).toBe(b);
  });

  it("assigns a protocol to the connection that bound it last, and returns the previous one", () => {
    const bindings = new Bindings<object>();
    bindings.bind(a, [ECHO, ORDER]);
    expect(bindings.bind(b, [ECHO])).toEqual([{ connection: a, left: true }]);
    expect(bindings.find(ECHO, NONE)).toBe(b);
    expect(bindings.bind(b, [ECHO, ORDER])).toEqual([{ connection: a, left: false }]);
  });

  it("prefers the owner of a protocol to the wildcard, and falls back to it", () => {
    const bindings = new Bindings<object>();
    bindings.bind(a, ["*"]);
    bindings.bind(b, [ECHO]);
    expect(bindings.find(ECHO, NONE)).toBe(b);
    expect(bindings.find(ORDER, NONE)).toBe(a);
    expect(bindings.find(undefined, NONE)).toBe(a);
    expect(bindings.find(ECHO, new Set([b]))).toBe(a);
    expect(bindings.find(ORDER, new Set([a]))).toBeUndefined();
  });

  it("routes problem reports to the latest connection, regardless of its protocols", () => {
    const bindings = new Bindings<object>();
    bindings.bind(a, [REPORT]);
    bindings.bind(b, [REPORT, ECHO]);
    expect(bindings.find(REPORT, NONE)).toBe(b);
    bindings.unbind(b);
    expect(bindings.find(REPORT, NONE)).toBe(a);
  });

  it("removes a connection, but not the protocols that another one took over", () => {
    const bindings = new Bindings<object>();
    bindings.bind(a, [ECHO, ORDER]);
    bindings.bind(b, [ECHO]);
    bindings.unbind(a);
    expect(bindings.find(ECHO, NONE)).toBe(b);
    expect(bindings.find(ORDER, NONE)).toBeUndefined();
    expect(bindings.size).toBe(1);
  });

  it("leaves protocols to connections with a later rank, and keeps the order of ranks", () => {
    const bindings = new Bindings<object>();
    const [earlier, later, newest] = [{}, {}, {}];
    bindings.bind(later, ["a", "b"], [1, 2]);
    expect(bindings.bind(earlier, ["b", "c"], [1, 1])).toEqual([{ connection: earlier, left: true }]);
    expect(bindings.find("b", NONE)).toBe(later);
    expect(bindings.find("c", NONE)).toBe(earlier);
    expect(bindings.latest(NONE)).toBe(later);
    expect(bindings.bind({}, ["a"], [0, 9])).toMatchObject([{ left: false }]);
    expect(bindings.bind(newest, ["a", "b"], [2, 1])).toEqual([{ connection: later, left: false }]);
    expect(bindings.latest(NONE)).toBe(newest);
  });
});
