import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeFrame, encodeFrame, encodeReply } from "../../src/phoenix/serializer.ts";

const HEAD = { joinRef: '"1"', ref: '"2"', topic: "plugins:did:web:a", event: "message" };

describe("decodeFrame", () => {
  it("splits a frame and leaves its payload unchanged", () => {
    const payload = '{"a" : [1, "]"],"n":1e400,"u":"\\u00e9"}';
    expect(decodeFrame(`["1","2","plugins:did:web:a","message",${payload}]`)).toEqual({ ...HEAD, payload });
  });

  it("accepts null and numbers as refs, and white space between", () => {
    const frame = decodeFrame(' [ null , 7 ,\n"phoenix","heartbeat", {} ] ');
    expect(frame).toMatchObject({ joinRef: "null", ref: "7", topic: "phoenix", event: "heartbeat" });
    expect(JSON.parse(frame?.payload ?? "")).toEqual({});
  });

  it("reads escapes in topic and event", () => {
    expect(decodeFrame('[null,null,"a\\"b\\u0041","e\\n",{}]')).toMatchObject({ topic: 'a"bA', event: "e\n" });
  });

  it.each([
    ["nothing", ""],
    ["no JSON", "hello"],
    ["an object", '{"topic":"x"}'],
    ["an empty array", "[]"],
    ["four members", '[null,null,"t","e"]'],
    ["a topic that is a number", '[null,null,5,"e",{}]'],
    ["an event that is null", '[null,null,"t",null,{}]'],
    ["a topic with a control character", '["1","2","t\u0016","e",{}]'],
    ["an event with a line break", '["1","2","t","e\n",{}]'],
    ["a ref with a control character", '["1\n","2","t","e",{}]'],
    ["a ref with leading zeros", '[null,007,"t","e",{}]'],
    ["a ref that is an object", '[null,{},"t","e",{}]'],
    ["an end that is missing", '[null,null,"t","e",{}'],
    ["something after the end", '[null,null,"t","e",{}]x'],
    ["a topic with a broken escape", '[null,null,"\\x","e",{}]'],
    ["a topic with a bare line break", '[null,null,"\\"\n\\ud","e",{}]'],
    ["a head without end", `[null,null,"${"t".repeat(100_000)}","e",{}]`],
    ["a ref without end", `["${"1".repeat(10_000)}",null,"t","e",{}]`],
  ])("refuses %s", (_name, text) => {
    expect(decodeFrame(text)).toBeUndefined();
  });

  it("never throws", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `[null,"1","t","e",${json}]`),
        ),
        fc.nat(40),
        (text, cut) => {
          decodeFrame(text.slice(cut));
          decodeFrame(text.slice(0, -cut));
        },
      ),
    );
  });

  it("reads encoded frames back", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), fc.string({ maxLength: 50 }), fc.json(), (topic, event, payload) => {
        expect(decodeFrame(encodeFrame('"1"', "null", topic, event, payload))).toEqual({
          joinRef: '"1"',
          ref: "null",
          topic,
          event,
          payload,
        });
      }),
    );
  });
});

describe("encodeReply", () => {
  it("writes phx_reply with join ref and ref", () => {
    expect(JSON.parse(encodeReply('"1"', "2", "t", "error", '{"reason":"no"}'))).toEqual([
      "1",
      2,
      "t",
      "phx_reply",
      { status: "error", response: { reason: "no" } },
    ]);
  });
});
