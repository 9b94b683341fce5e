import { AdapterError, Envelope, Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { BridgeError } from "../src/index.ts";
import type { OutboundEnvelope } from "../src/runtime/action.ts";
import type { Consumer } from "../src/runtime/consumer.ts";
import { readCallReference, writeCallReference } from "../src/a2a-to-mcp/call-reference.ts";
import { SessionOwners } from "../src/runtime/session-owners.ts";
import { across, reserialized, consumersOf } from "./support/across.ts";
import { a2aEnvelopes, didcommEnvelopes, mcpEnvelopes, slimEnvelopes } from "./support/arbitraries.ts";
import { a2aText, bytes, mcp, slim } from "./support/messages.ts";

const { A2A, DIDCOMM, MCP, SLIM } = Protocol;
const PAIRS = [
  [A2A, SLIM],
  [SLIM, A2A],
  [MCP, SLIM],
  [SLIM, MCP],
  [DIDCOMM, SLIM],
  [SLIM, DIDCOMM],
  [DIDCOMM, A2A],
  [A2A, DIDCOMM],
  [A2A, MCP],
  [MCP, A2A],
] as const;
const VALID = { [A2A]: a2aEnvelopes(), [SLIM]: slimEnvelopes, [MCP]: mcpEnvelopes, [DIDCOMM]: didcommEnvelopes };

const anything = fc.jsonValue({ maxDepth: 4 });
const kept = fc.record(
  {
    protocol: fc.constantFrom(A2A, SLIM, MCP, DIDCOMM, 7),
    contentType: fc.constantFrom("text/plain", "", 3, "x".repeat(300)),
    metadata: fc.oneof(anything, fc.record({ mcp: anything, a2a: anything })),
    message: fc.oneof(
      anything,
      fc.record(
        { parts: fc.array(fc.oneof(anything, fc.record({ text: anything, metadata: anything }))), contextId: anything },
        { requiredKeys: [] },
      ),
      fc.record(
        {
          id: anything,
          type: fc.constantFrom("https://didcomm.org/basicmessage/2.0/message", "x"),
          body: anything,
          attachments: fc.array(anything),
        },
        { requiredKeys: [] },
      ),
    ),
  },
  { requiredKeys: [] },
);
const traces = fc.oneof(
  anything,
  fc.record(
    { path: fc.array(fc.stringMatching(/^[\w-]{22}$/)), origin: anything, claims: anything, lost: anything, kept },
    { requiredKeys: [] },
  ),
);
const metadata = fc.record(
  {
    bridge: traces,
    a2a: anything,
    mcp: fc.oneof(
      anything,
      fc.record(
        { session: anything, role: fc.constantFrom("client", "server", 1), instance: anything, event: anything },
        { requiredKeys: [] },
      ),
    ),
  },
  { requiredKeys: [] },
);

/** Arbitrary envelopes, and valid ones with other metadata or with bytes removed, added and changed. */
function envelopesFor(protocol: keyof typeof VALID): fc.Arbitrary<Envelope> {
  const payloads = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    anything.map((value) => bytes(JSON.stringify(value))),
    fc
      .record(
        { jsonrpc: fc.constant("2.0"), id: anything, method: anything, params: anything, result: anything, error: anything },
        { requiredKeys: ["jsonrpc"] },
      )
      .map((value) => bytes(JSON.stringify(value))),
  );
  const made = fc
    .tuple(fc.constantFrom("application/json", "text/plain", "application/a2a+json", "application/didcomm-plain+json"), payloads, metadata)
    .map(([contentType, payload, more]) => new Envelope(protocol, contentType, payload, JSON.parse(JSON.stringify(more)) as never));
  const changed = fc
    .tuple(VALID[protocol], metadata, fc.nat(), fc.nat(255), fc.constantFrom("cut", "add", "flip", "none"))
    .map(([valid, more, at, byte, how]) => {
      const payload = valid.payload.slice(0, how === "cut" ? at % (valid.payload.length + 1) : undefined);
      if (how === "flip" && payload.length > 0) payload[at % payload.length] = byte;
      const longer = how === "add" ? Buffer.concat([payload, Buffer.from([byte])]) : payload;
      return new Envelope(protocol, valid.contentType, longer, { ...valid.metadata, ...(JSON.parse(JSON.stringify(more)) as object) });
    });
  return fc.oneof(made, changed);
}

/** The messages that an envelope causes; none if it is rejected with a code. Any other error fails the test. */
function sendsFor(consumer: Consumer, received: ReceivedEnvelope): readonly OutboundEnvelope[] {
  try {
    return consumer.handle(received).sends;
  } catch (error) {
    if (error instanceof BridgeError || error instanceof AdapterError) return [];
    throw error;
  }
}

describe("random and hostile envelopes", () => {
  it.each(PAIRS)("from %s to %s are forwarded, ignored or rejected with a code", (source, target) => {
    const consumers = consumersOf(source, target, { maxMessageBytes: 5000 });
    fc.assert(
      fc.property(fc.tuple(envelopesFor(source), envelopesFor(target)), (envelopes) => {
        for (const [index, consumer] of consumers.entries()) {
          const envelope = envelopes[index];
          if (envelope === undefined) continue;
          for (const outbound of sendsFor(consumer, { envelope: reserialized(envelope), id: "1", sender: "mallory" })) {
            expect(reserialized(outbound.envelope).protocol).toBe(outbound.envelope.protocol);
            expect(outbound.envelope.payload.length).toBeLessThanOrEqual(5000);
          }
        }
      }),
      { numRuns: gateOrSoak(100, 3000) },
    );
  });

  it.each([
    ["deep JSON", a2aText("x", { metadata: JSON.parse("[".repeat(200) + "]".repeat(200)) as never }), "message_invalid"],
    ["too many parts", a2aText("x", { parts: Array.from({ length: 1025 }, () => ({ text: "" })) }), "message_too_large"],
    ["a long id", a2aText("x", { contextId: "c".repeat(600) }), "message_too_large"],
    ["an invalid part", a2aText("x", { parts: [{ text: "a", data: 1 }] }), "message_invalid"],
  ])("with %s are rejected", (_what, envelope, code) => {
    for (const target of [SLIM, DIDCOMM, MCP]) {
      expect(() => across(A2A, target)({ envelope })).toThrow(expect.objectContaining({ code }));
    }
  });

  it("with metadata that leaves no capacity for the trace are rejected", () => {
    const envelope = slim("x", "text/plain", {
      a: JSON.parse(`${'{"a":'.repeat(30)}1${"}".repeat(30)}`) as never,
      a2a: JSON.parse(`${'{"a":'.repeat(30)}1${"}".repeat(30)}`) as never,
    });
    expect(() => across(SLIM, A2A)({ envelope })).toThrow(expect.objectContaining({ code: "message_too_large" }));
  });

  it("are read in linear time", () => {
    // With quadratic time, this would exceed the test's timeout.
    const blank = {
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "send_message", arguments: { parts: Array.from({ length: 1024 }, () => ({ raw: "A".repeat(3000) })) } },
    };
    expect(across(MCP, A2A)({ envelope: mcp({ session: "s", role: "client", event: "open" }, blank), sender: "x" })).toBeDefined();
    for (const text of ["=".repeat(3_000_000), "A".repeat(3_000_000), '"'.repeat(3_000_000), "\\".repeat(3_000_000)]) {
      expect(across(SLIM, A2A)({ envelope: slim(text, "application/json") })).toBeDefined();
      expect(across(A2A, MCP)({ envelope: a2aText(text.slice(0, 1_000_000)) })).toBeDefined();
    }
  });
});

describe("CallReference", () => {
  it("is restored from its encoded form, and rejects all other ids", () => {
    const text = fc.string({ unit: "binary", maxLength: 512, size: "max" }).map((each) => each.slice(0, 512));
    const request = fc.oneof(text, fc.integer(), fc.constant(null));
    const texts = { key: text, contextId: text, messageId: text, taskId: text };
    const client = fc.record({ call: text, request, streams: fc.boolean() });
    fc.assert(
      fc.property(fc.oneof(fc.record(texts), fc.record({ ...texts, client })), (reference) => {
        const id = writeCallReference(reference);
        expect(readCallReference(id)).toEqual(reference);
      }),
    );
    fc.assert(fc.property(fc.string(), (junk) => readCallReference(junk) === undefined));
    const longest = "\u0000".repeat(512);
    const worst = {
      key: longest,
      contextId: longest,
      messageId: longest,
      taskId: "",
      client: { call: longest, request: longest, streams: true },
    };
    expect(readCallReference(writeCallReference(worst))).toEqual(worst);
    const key = ["a", "b", "c", ""];
    const wrong = [
      [...key, "d"],
      [...key, 1, 1, true],
      [...key, "d", 1.5, true],
      [...key, "d", {}, true],
      [...key, "d", 1, 1],
    ];
    for (const value of [[], ["a"], ["a", "b", "c", 1], {}, ["x".repeat(513), "", "", ""], ...wrong]) {
      expect(readCallReference(`call.${Buffer.from(JSON.stringify(value)).toString("base64url")}`)).toBeUndefined();
    }
  });
});

describe("SessionOwners", () => {
  it("assigns a session to the first party, and other parties can't evict it", () => {
    const owners = new SessionOwners();
    expect(owners.claim("s", "alice")).toBe(true);
    for (let index = 0; index < 5000; index++) owners.claim(`m${index}`, "mallory");
    expect(owners.claim("s", "mallory")).toBe(false);
    expect(owners.claim("s", "alice")).toBe(true);
    owners.release("s", "mallory");
    expect(owners.claim("s", "mallory")).toBe(false);
    owners.release("s", "alice");
    expect(owners.claim("s", "mallory")).toBe(true);
  });

  it("evicts the least recently used session when full", () => {
    const owners = new SessionOwners();
    for (let index = 0; index < 1024; index++) owners.claim(`s${index}`, `p${index}`);
    expect(owners.claim("s0", "p0")).toBe(true);
    expect(owners.claim("one more", "another")).toBe(true);
    expect(owners.claim("s0", "mallory")).toBe(false);
    expect(owners.claim("s2", "mallory")).toBe(false);
    expect(owners.claim("s1", "mallory")).toBe(true);
  });

  it("evicts sessions of the parties with the most sessions, so that new parties are not locked out", () => {
    const owners = new SessionOwners();
    expect(owners.claim("first", "alice")).toBe(true);
    for (let index = 0; index < 4096; index++) owners.claim(`s${index}`, `p${index % 32}`);
    expect(owners.claim("new", "newcomer")).toBe(true);
    expect(owners.claim("first", "mallory")).toBe(false);
    expect(owners.claim("new", "mallory")).toBe(false);
    // The least recently used session was evicted.
    expect(owners.claim("s3073", "mallory")).toBe(true);
  });
});
