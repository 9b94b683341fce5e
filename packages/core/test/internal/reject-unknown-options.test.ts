import { describe, expect, it } from "vitest";
import { nearest, rejectUnknownOptions } from "../../src/internal/index.ts";

describe("rejectUnknownOptions", () => {
  it("accepts valid names, also with the value undefined, and no options at all", () => {
    expect(() => rejectUnknownOptions({ dataDir: undefined }, ["dataDir"])).not.toThrow();
    expect(() => rejectUnknownOptions(undefined, ["dataDir"])).not.toThrow();
  });

  it("names the unknown option, the nearest valid one and all valid ones", () => {
    expect(() => rejectUnknownOptions({ datadir: "x" }, ["port", "dataDir"])).toThrow(
      new TypeError('Unknown option "datadir". Did you mean "dataDir"? Valid options: port, dataDir'),
    );
    expect(() => rejectUnknownOptions({ size: 1 }, ["maxFrames"], "limits.")).toThrow(
      new TypeError('Unknown option "limits.size". Valid options: maxFrames'),
    );
  });

  it.each([
    [5, "a number"],
    [{}, "an object"],
    [null, "null"],
    [new AbortController(), "an AbortController: pass its signal"],
  ])("rejects %j as a signal", (signal, description) => {
    const message = `Option "signal" must be an AbortSignal, not ${description}`;
    expect(() => rejectUnknownOptions({ signal }, ["signal"])).toThrow(new TypeError(message));
    expect(() => rejectUnknownOptions({ signal: AbortSignal.abort() }, ["signal"])).not.toThrow();
    expect(() => rejectUnknownOptions({ signal: undefined }, ["signal"])).not.toThrow();
  });

  it.each([
    [0.3, "a number"],
    ["x", "a string"],
    [null, "null"],
    [[], "an array"],
    [() => undefined, "a function"],
    [AbortSignal.abort(), "an AbortSignal"],
    [new Date(0), "a Date"],
  ])("rejects %j in place of the options", (given, description) => {
    expect(() => rejectUnknownOptions(given, ["timeoutMs"])).toThrow(
      new TypeError(`Options must be an object, not ${description}. Valid options: timeoutMs`),
    );
    expect(() => rejectUnknownOptions(given, ["max"], "limits.")).toThrow(
      new TypeError(`Option "limits" must be an object, not ${description}. Valid options: max`),
    );
  });
});

describe("nearest", () => {
  it.each([
    ["agentDID", "agentDid"],
    ["max_uses", "maxUses"],
    ["timeout", "timeoutMs"],
    ["prot", "port"],
    ["storagKey", "storageKey"],
    ["signUp", "signup"],
  ])("finds what %s most likely means", (word, meant) => {
    expect(nearest(word, ["agentDid", "maxUses", "timeoutMs", "port", "storageKey", "signup"])).toBe(meant);
  });

  it("finds nothing for a word that resembles no candidate", () => {
    expect(nearest("colour", ["port", "dataDir"])).toBeUndefined();
    expect(nearest("x".repeat(10_000), ["x".repeat(10_000)])).toBeUndefined();
  });
});
