import { NodeTransportError } from "@parley/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeFrame, decodeReply, encodeFrame, excerptOfFrame, reasonOf } from "../src/frame.ts";

const ref = fc.nat().map(String);
const object = fc.dictionary(fc.string(), fc.jsonValue());

describe("frames", () => {
  it("are decoded as they were encoded", () => {
    fc.assert(
      fc.property(fc.option(ref), ref, fc.string(), fc.constantFrom("message", "ack"), object, (joinRef, own, topic, event, payload) => {
        const text = JSON.stringify(payload);
        const frame = decodeFrame(encodeFrame(joinRef, own, topic, event, text));
        expect(frame).toEqual({ joinRef, ref: own, topic, event, payload: JSON.parse(text) as unknown });
      }),
    );
  });

  it("are decoded or rejected with frame_invalid for any input", () => {
    const readOrRefuse = (data: unknown) => {
      const outcome = attempt(data);
      expect(typeof outcome === "string" || (outcome instanceof NodeTransportError && outcome.code === "frame_invalid")).toBe(true);
    };
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.anything()), readOrRefuse));
    const good = encodeFrame("1", "2", "plugins:did:example:a", "message", '{"plaintext":{"id":"m1"}}');
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.string({ maxLength: 2 }), (at, text) => {
        readOrRefuse(good.slice(0, at));
        readOrRefuse(good + text);
        readOrRefuse(good.slice(0, at) + text + good.slice(at + 1));
      }),
    );
  });

  it("are cut for reports", () => {
    expect(excerptOfFrame("x".repeat(5_000))).toHaveLength(1_024);
    expect(excerptOfFrame(new ArrayBuffer(5_000))).toHaveLength(1_024);
    expect(excerptOfFrame({})).toBeUndefined();
  });
});

describe("replies", () => {
  it.each([
    [
      { status: "ok", response: { did: "d" } },
      { status: "ok", response: { did: "d" } },
    ],
    [{ status: "ok" }, { status: "ok", response: {} }],
    [
      { status: "ok", response: "text" },
      { status: "ok", response: {} },
    ],
    [{ status: 1, response: {} }, undefined],
    [{}, undefined],
  ])("%j is %j", (payload, reply) => {
    expect(decodeReply(payload)).toEqual(reply);
  });

  it("give a reason of bounded length", () => {
    expect(reasonOf({ status: "error", response: { reason: "r".repeat(5_000) } })).toHaveLength(1_024);
    expect(reasonOf({ status: "odd", response: {} })).toBe("no reason given (status odd)");
  });
});

/** The topic of what could be read, or why it could not. */
function attempt(data: unknown): unknown {
  try {
    return decodeFrame(data).topic;
  } catch (error) {
    return error;
  }
}
