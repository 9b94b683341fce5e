import { AdapterError, Envelope, Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { BridgeError } from "../src/index.ts";
import type { Dispatch, Flow } from "../src/runtime/pump.ts";
import { readCallReference, writeCallReference } from "../src/a2a-to-mcp/call-reference.ts";
import { SessionOwners } from "../src/mcp-to-a2a/session-owners.ts";
import { across, crossed, flowsOf } from "./support/across.ts";
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

/** What may come: anything at all, or something valid with other metadata, or with bytes cut off, added and changed. */
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

/** What is sent because of an envelope: nothing if it is refused with an error that has a code. Any other error is a fault. */
function madeOf(flow: Flow, received: ReceivedEnvelope): readonly Dispatch[] {
  try {
    return flow.handle(received).dispatches;
  } catch (error) {
    if (error instanceof BridgeError || error instanceof AdapterError) return [];
    throw error;
  }
}

describe("whatever arrives", () => {
  it.each(PAIRS)("from %s to %s is forwarded as an envelope, passed over, or refused with a code", (source, target) => {
    const flows = flowsOf(source, target, { maxMessageBytes: 5000 });
    fc.assert(
      fc.property(fc.tuple(envelopesFor(source), envelopesFor(target)), (envelopes) => {
        for (const [index, flow] of flows.entries()) {
          const envelope = envelopes[index];
          if (envelope === undefined) continue;
          for (const dispatch of madeOf(flow, { envelope: crossed(envelope), id: "1", sender: "mallory" })) {
            expect(crossed(dispatch.envelope).protocol).toBe(dispatch.envelope.protocol);
            expect(dispatch.envelope.payload.length).toBeLessThanOrEqual(5000);
          }
        }
      }),
      { numRuns: gateOrSoak(100, 3000) },
    );
  });

  it.each([
    ["deep JSON", a2aText("x", { metadata: JSON.parse("[".repeat(200) + "]".repeat(200)) as never }), "message_invalid"],
    ["too many parts", a2aText("x", { parts: Array.from({ length: 1025 }, () => ({ text: "" })) }), "message_too_large"],
    ["an id without end", a2aText("x", { contextId: "c".repeat(600) }), "message_too_large"],
    ["a part that is none", a2aText("x", { parts: [{ text: "a", data: 1 }] }), "message_invalid"],
  ])("with %s is refused", (_what, envelope, code) => {
    for (const target of [SLIM, DIDCOMM, MCP]) {
      expect(() => across(A2A, target)({ envelope })).toThrow(expect.objectContaining({ code }));
    }
  });

  it("with metadata that leaves no room is not sent, and says so", () => {
    const envelope = slim("x", "text/plain", {
      a: JSON.parse(`${'{"a":'.repeat(30)}1${"}".repeat(30)}`) as never,
      a2a: JSON.parse(`${'{"a":'.repeat(30)}1${"}".repeat(30)}`) as never,
    });
    expect(() => across(SLIM, A2A)({ envelope })).toThrow(expect.objectContaining({ code: "message_too_large" }));
  });

  it("is read in time that grows with its size only", () => {
    // What grew with the square of the size would take hours, and end at the test's timeout.
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

describe("the id of a call", () => {
  it("says what it is for, and nothing else passes for one", () => {
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

describe("owners of sessions", () => {
  it("are whoever came first; one party can't push out another's", () => {
    const owners = new SessionOwners();
    expect(owners.admits("s", "alice")).toBe(true);
    for (let index = 0; index < 5000; index++) owners.admits(`m${index}`, "mallory");
    expect(owners.admits("s", "mallory")).toBe(false);
    expect(owners.admits("s", "alice")).toBe(true);
    owners.release("s", "mallory");
    expect(owners.admits("s", "mallory")).toBe(false);
    owners.release("s", "alice");
    expect(owners.admits("s", "mallory")).toBe(true);
  });

  it("are limited: the longest unused gives way to a newcomer", () => {
    const owners = new SessionOwners();
    for (let index = 0; index < 1024; index++) owners.admits(`s${index}`, `p${index}`);
    expect(owners.admits("s0", "p0")).toBe(true);
    expect(owners.admits("one more", "another")).toBe(true);
    expect(owners.admits("s0", "mallory")).toBe(false);
    expect(owners.admits("s2", "mallory")).toBe(false);
    expect(owners.admits("s1", "mallory")).toBe(true);
  });

  it("that leave many sessions open lock nobody out, and push out none that has fewer", () => {
    const owners = new SessionOwners();
    expect(owners.admits("first", "alice")).toBe(true);
    for (let index = 0; index < 4096; index++) owners.admits(`s${index}`, `p${index % 32}`);
    expect(owners.admits("new", "newcomer")).toBe(true);
    expect(owners.admits("first", "mallory")).toBe(false);
    expect(owners.admits("new", "mallory")).toBe(false);
    // The longest unused of those that are left made room.
    expect(owners.admits("s3073", "mallory")).toBe(true);
  });
});
