import { describeUnless, readVectors } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { decodePlaintext, encodePlaintext, PlaintextError, type JsonObject, type Message } from "../src/index.ts";

const TYPE = "https://layr8.io/protocols/echo/1.0/request";
const MINIMAL: JsonObject = { id: "1", type: TYPE };

function faultOf(value: unknown, limits = {}): PlaintextError {
  try {
    decodePlaintext(value, limits);
  } catch (error) {
    if (error instanceof PlaintextError) return error;
    throw error;
  }
  throw new Error("It was read");
}

describe("decodePlaintext", () => {
  it("reads every member", () => {
    const plaintext = {
      id: "1",
      typ: "application/didcomm-plain+json",
      type: TYPE,
      from: "did:example:alice",
      to: ["did:example:bob"],
      thid: "t",
      pthid: "p",
      created_time: 1516269022,
      expires_time: 1516385931,
      trace_context: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "a=b" },
      body: { message: "ping" },
      attachments: [{ id: "a", data: { json: { a: 1 } } }],
      please_ack: ["1"],
    };
    expect(decodePlaintext(plaintext)).toEqual({
      message: {
        id: "1",
        type: TYPE,
        from: "did:example:alice",
        to: ["did:example:bob"],
        threadId: "t",
        parentThreadId: "p",
        createdTime: 1516269022,
        expiresTime: 1516385931,
        traceContext: plaintext.trace_context,
        body: { message: "ping" },
        attachments: [{ id: "a", data: { json: { a: 1 } } }],
        headers: { please_ack: ["1"] },
      },
      attachmentFaults: [],
    });
  });

  it("reads the least there can be", () => {
    expect(decodePlaintext(MINIMAL).message).toStrictEqual({ id: "1", type: TYPE, to: [], body: {} });
  });

  it.each(["typ", "from", "to", "thid", "pthid", "created_time", "expires_time", "trace_context", "body", "attachments"])(
    "takes null for an absent %s",
    (member) => {
      expect(decodePlaintext({ ...MINIMAL, [member]: null })).toStrictEqual(decodePlaintext(MINIMAL));
    },
  );

  it.each(["typ", "from", "thid", "pthid", "created_time", "expires_time"])("takes an empty text for an absent %s", (member) => {
    expect(decodePlaintext({ ...MINIMAL, [member]: "" })).toStrictEqual(decodePlaintext(MINIMAL));
  });

  it.each<[unknown, number]>([
    [1516269022, 1516269022],
    [1516269022.5, 1516269022.5],
    [-142128000, -142128000],
    ["1516269022", 1516269022],
    ["-142128000", -142128000],
    ["1516269022.5", 1516269022.5],
    ["2026-01-15T10:00:00.000Z", 1768471200],
    ["2026-01-15T10:00:00.250+02:00", 1768464000.25],
    ["1965-07-01T00:00:00Z", -142128000],
  ])("reads %j as the time %d, in created_time and expires_time", (written, time) => {
    const { message } = decodePlaintext({ ...MINIMAL, created_time: written, expires_time: written });
    expect(message).toStrictEqual({ id: "1", type: TYPE, to: [], body: {}, createdTime: time, expiresTime: time });
  });

  it.each(["soon", "2026-02-30T00:00:00Z", Infinity, true, {}, []])("drops an invalid created_time: %j", (created_time) => {
    expect(decodePlaintext({ ...MINIMAL, created_time })).toStrictEqual(decodePlaintext(MINIMAL));
  });

  it("reads typ without its application/ prefix", () => {
    expect(decodePlaintext({ ...MINIMAL, typ: "didcomm-plain+json" }).message.id).toBe("1");
  });

  it.each([undefined, null, true, 1, "text", [], [MINIMAL]])("rejects a value that is not an object: %j", (value) => {
    expect(faultOf(value)).toMatchObject({ code: "message_invalid", message: "A message must be a JSON object" });
  });

  it.each<[string, unknown]>([
    ...["id", "type"].flatMap((member) => [undefined, null, "", 1, true, {}, []].map((value): [string, unknown] => [member, value])),
    ...["from", "thid", "pthid", "typ"].flatMap((member) => [1, true, {}, ["x"]].map((value): [string, unknown] => [member, value])),
    ...["soon", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00+24:00", "1".repeat(65), " ", Infinity, NaN, true, {}, []].map(
      (value): [string, unknown] => ["expires_time", value],
    ),
    ["to", "did:example:bob"],
    ["to", {}],
    ["to", [1]],
    ["to", [""]],
    ["to", [null]],
    ["to", [["did:example:bob"]]],
    ["body", "text"],
    ["body", []],
    ["body", 1],
    ["typ", "application/didcomm-encrypted+json"],
  ])("rejects a wrong %s: %j", (member, value) => {
    const fault = faultOf({ ...MINIMAL, [member]: value });
    expect(fault.code).toBe("message_invalid");
    expect(fault.message).toContain(member);
    expect(fault.retryable).toBe(false);
  });

  it.each<[string, JsonObject]>([
    ["id", { id: "x".repeat(2049) }],
    ["type", { type: "x".repeat(1025) }],
    ["from", { from: "x".repeat(2049) }],
    ["thid", { thid: "x".repeat(2049) }],
    ["pthid", { pthid: "x".repeat(2049) }],
    ["to", { to: ["x".repeat(2049)] }],
    ["to", { to: Array.from({ length: 257 }, () => "did:example:bob") }],
    ["headers", Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`h${n}`, n]))],
  ])("rejects a value beyond the default cap of %s, with an error that doesn't quote it", (what, members) => {
    const fault = faultOf({ ...MINIMAL, ...members });
    expect(fault.code).toBe("message_too_large");
    expect(fault.message).toContain(what);
    expect(fault.message.length).toBeLessThan(100);
  });

  it("reads what just fits", () => {
    const to = Array.from({ length: 256 }, () => "x".repeat(2048));
    const headers = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`h${n}`, n]));
    const { message } = decodePlaintext({ ...headers, id: "x".repeat(2048), type: "x".repeat(1024), to });
    expect(message).toMatchObject({ to, headers });
  });

  it("takes tighter caps", () => {
    expect(faultOf({ ...MINIMAL, to: ["a", "b"] }, { maxRecipients: 1 }).code).toBe("message_too_large");
    expect(faultOf({ ...MINIMAL, x: 1 }, { maxHeaders: 0 }).code).toBe("message_too_large");
    expect(faultOf({ ...MINIMAL, id: "12" }, { maxIdLength: 1 }).code).toBe("message_too_large");
  });

  it.each([
    "text",
    [],
    {},
    { traceparent: 1 },
    { traceparent: "00-xyz" },
    { traceparent: "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01" },
    { tracestate: "a=b" },
  ])("drops a malformed trace_context: %j", (trace_context) => {
    expect(decodePlaintext({ ...MINIMAL, trace_context }).message).toStrictEqual({ id: "1", type: TYPE, to: [], body: {} });
  });

  it.each([1, "x".repeat(513), {}])("keeps traceparent when tracestate is malformed", (tracestate) => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    expect(decodePlaintext({ ...MINIMAL, trace_context: { traceparent, tracestate } }).message.traceContext).toEqual({ traceparent });
  });
});

describe("hostile keys", () => {
  it("keeps headers named like parts of Object.prototype as plain data", () => {
    const text = '{"id":"1","type":"t","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1}';
    const { message } = decodePlaintext(JSON.parse(text));
    expect(Object.keys(message.headers ?? {})).toEqual(["__proto__", "constructor", "toString"]);
    expect(Object.getPrototypeOf(message.headers)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(JSON.stringify(encodePlaintext(message))).toBe(
      '{"id":"1","type":"t","to":[],"body":{},"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1}',
    );
  });

  it("keeps a body whose keys are hostile", () => {
    const { message } = decodePlaintext(JSON.parse('{"id":"1","type":"t","body":{"__proto__":{"a":1}}}'));
    expect(JSON.stringify(message.body)).toBe('{"__proto__":{"a":1}}');
  });

  it("reads deep nesting without descending into it", () => {
    const deep: unknown = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
    expect(decodePlaintext({ ...MINIMAL, body: { deep }, header: deep }).message.id).toBe("1");
  });
});

describe("encodePlaintext", () => {
  it("writes nothing for what is absent, and never the context", () => {
    const message: Message = { id: "1", type: TYPE, to: [], body: {}, attachments: [], context: { senderCredentials: [], recipient: "x" } };
    expect(encodePlaintext(message)).toStrictEqual({ id: "1", type: TYPE, to: [], body: {} });
  });

  it("rejects headers with the name of a member", () => {
    const headers = { id: "2", thid: "t", typ: "x", body: { evil: true }, goal_code: "g" };
    expect(encodePlaintext({ id: "1", type: TYPE, to: [], body: {}, headers })).toStrictEqual({
      goal_code: "g",
      id: "1",
      type: TYPE,
      to: [],
      body: {},
    });
  });
});

const { value: vectors, missing } = readVectors("didcomm.json");

describeUnless(missing, "the plaintext example of the DIDComm specification", () => {
  it("survives decoding and encoding", () => {
    const { blocks } = vectors as { blocks: { head: string; value: JsonObject }[] };
    const examples = blocks.filter(({ head }) => head.includes("C.1"));
    expect(examples).not.toHaveLength(0);
    for (const { value } of examples) {
      const { typ, ...rest } = value;
      const { message, attachmentFaults } = decodePlaintext(value);
      expect([undefined, "application/didcomm-plain+json"]).toContain(typ);
      expect(attachmentFaults).toEqual([]);
      expect(encodePlaintext(message)).toEqual(rest);
    }
  });
});
