import { Envelope, Protocol } from "@parley/envelope-and-adapters";
import { describe, expect, it } from "vitest";
import { across, lostOf } from "../support/across.ts";
import { a2a, a2aText, bytes, didcomm, json, mcp, slim, text } from "../support/messages.ts";
import { unused } from "../support/world.ts";

const { A2A, DIDCOMM, MCP, SLIM } = Protocol;
const BASIC = "https://didcomm.org/basicmessage/2.0/message";
const ECHO = "https://layr8.io/protocols/echo/1.0/request";
const LARGE = "x".repeat(20_000);

function translated(envelope: Envelope, target: string, id: string | undefined = "1"): Envelope {
  const received = { envelope, sender: "alice", ...(id !== undefined && { id }) };
  return across(envelope.protocol, target)(received) ?? unused();
}

/** The members that A2A requires, except parts. */
const REQUIRED = '"messageId":"m","role":"ROLE_USER"';

describe("A2A → SLIM", () => {
  it.each([
    ["text in the form of A2A 1.0", { parts: [{ text: "hi" }] }, "text/plain", "hi"],
    ["text in the form of A2A 0.3", { parts: [{ kind: "text", text: "hi" }] }, "text/plain", "hi"],
    ["text in the form of the first A2A version", { parts: [{ type: "text", text: "hi" }] }, "text/plain", "hi"],
    ["data", { parts: [{ data: 1 }] }, "application/a2a+json", `{${REQUIRED},"parts":[{"data":1}]}`],
    ["two texts", { parts: [{ text: "a" }, { text: "b" }] }, "application/a2a+json", `{${REQUIRED},"parts":[{"text":"a"},{"text":"b"}]}`],
    ["a lone surrogate", { parts: [{ text: "\ud800" }] }, "application/a2a+json", `{${REQUIRED},"parts":[{"text":"\\ud800"}]}`],
  ])("%s", (_what, message, contentType, payload) => {
    const made = translated(a2a(message), SLIM);
    expect([made.contentType, text(made)]).toEqual([contentType, payload]);
    expect(lostOf(made)).toEqual([]);
  });

  it("uses the A2A JSON as the payload if the kept form is too large", () => {
    const made = translated(a2a({ parts: [{ text: "hi" }], metadata: { LARGE } }), SLIM);
    expect(made.contentType).toBe("application/a2a+json");
    expect(made.serialize().length).toBeLessThan(30_000);
  });

  it("lists reformatted JSON as lost", () => {
    const spaced = new Envelope(A2A, "application/json", bytes(`{ ${REQUIRED}, "parts": [{"text":"hi"}] }`));
    expect(lostOf(translated(spaced, SLIM))).toEqual(["json"]);
  });

  it("does not forward A2A metadata as SLIM metadata", () => {
    const made = translated(a2a({ parts: [{ text: "hi" }] }, { "A2A-Version": "1.0", a2a: { agent: "x" }, trace: "t" }), SLIM);
    expect(Object.keys(made.metadata ?? {}).toSorted()).toEqual(["bridge", "trace"]);
  });
});

describe("SLIM → A2A", () => {
  it.each([
    ["text/plain", "hi", { text: "hi" }],
    ["text/markdown", "# hi", { text: "# hi", mediaType: "text/markdown" }],
    ["application/json", '{"a":1}', { data: { a: 1 } }],
    ["application/x+json", "[1]", { data: [1], mediaType: "application/x+json" }],
    ["application/json", '{"a": 1}', { raw: Buffer.from('{"a": 1}').toString("base64"), mediaType: "application/json" }],
    ["application/json", "1e999", { raw: Buffer.from("1e999").toString("base64"), mediaType: "application/json" }],
    ["image/png", "png", { raw: Buffer.from("png").toString("base64"), mediaType: "image/png" }],
  ])("%s %s", (contentType, payload, part) => {
    const made = translated(slim(payload, contentType), A2A);
    expect(json(made)).toMatchObject({ role: "ROLE_USER", contextId: "", parts: [part] });
    expect(made.metadata).toMatchObject({ "A2A-Version": "1.0", a2a: { agent: "bridge" } });
  });

  it("reads protobuf field names, and moves the message to the context of the target", () => {
    const other = slim(
      `{"message_id":"m","role":"ROLE_USER","context_id":"old","parts":[{"text":"hi","media_type":"x/y"}]}`,
      "application/a2a+json",
    );
    const made = across(SLIM, A2A, { contextId: "new" })({ envelope: other });
    expect(made && json(made)).toMatchObject({ messageId: "m", contextId: "new", parts: [{ text: "hi", mediaType: "x/y" }] });
    expect(made && json(made)).not.toHaveProperty("context_id");
  });

  it("moves a message to the context of the target, and lists another context as lost", () => {
    const other = slim(`{${REQUIRED},"contextId":"old","parts":[{"text":"hi"}]}`, "application/a2a+json");
    const made = across(SLIM, A2A, { contextId: "new" })({ envelope: other });
    expect(made && [json(made)["contextId"], lostOf(made)]).toEqual(["new", ["contextId"]]);
  });

  it("gives redeliveries of a message the same id, and different messages different ids", () => {
    const once = across(SLIM, A2A);
    const idOf = (id: string | undefined): unknown => {
      const made = once({ envelope: slim("hi"), ...(id !== undefined && { id }) });
      return json(made ?? unused())["messageId"];
    };
    expect(idOf("1")).toBe(idOf("1"));
    expect(idOf("1")).not.toBe(idOf("2"));
    expect(idOf(undefined)).not.toBe(idOf(undefined));
    expect(idOf("1")).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });
});

describe("SLIM → MCP", () => {
  it("puts JSON-RPC into a session of its publisher", () => {
    const made = translated(slim('{"jsonrpc":"2.0","id":1,"method":"ping"}', "application/json"), MCP);
    expect(made.metadata?.["mcp"]).toEqual({ session: expect.stringMatching(/^slim\./), role: "client", event: "open" });
    expect(text(made)).toBe('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  });

  it.each([
    ["text/plain", "hi", { text: "hi" }],
    ["application/json", '{"a":1}', { json: { a: 1 } }],
    ["image/png", "png", { blob: Buffer.from("png").toString("base64"), mimeType: "image/png" }],
  ])("logs %s", (contentType, payload, data) => {
    const made = translated(slim(payload, contentType), MCP);
    expect(json(made)).toEqual({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", logger: "slim", data } });
    expect(made.metadata?.["mcp"]).toMatchObject({ role: "server" });
  });
});

describe("MCP → SLIM", () => {
  it("forwards the close event of a session", () => {
    const address = { mcp: { session: "s", role: "client", event: "close" } };
    const farewell = new Envelope(MCP, "application/json", new Uint8Array(), address);
    expect(translated(farewell, SLIM).payload).toHaveLength(0);
  });

  it.each([
    ["no address", {}],
    ["no role", { session: "s" }],
    ["no session", { session: "", role: "client" }],
    ["a server without instance", { session: "s", role: "server" }],
    ["an unknown event", { session: "s", role: "client", event: "later" }],
    ["a name without end", { session: "s".repeat(129), role: "client" }],
  ])("rejects %s", (_what, address) => {
    const envelope = mcp(address, { jsonrpc: "2.0", id: 1, method: "ping" });
    expect(() => translated(envelope, SLIM)).toThrow(expect.objectContaining({ code: "message_invalid" }));
  });
});

describe("DIDComm → A2A", () => {
  it("translates threads to contexts, and attachments to parts", () => {
    const attachments = [
      { data: { json: { n: 1 } }, filename: "n.json" },
      { data: { base64: "cG5n" }, media_type: "image/png" },
      { data: { links: ["https://x.example/a"] } },
      { data: { links: ["https://x.example/a"], hash: "h" } },
    ];
    const made = translated(didcomm({ id: "m", thid: "t", type: BASIC, body: { content: "hi", lang: "en" }, attachments }), A2A);
    expect(json(made)).toMatchObject({
      messageId: "m",
      contextId: "t",
      parts: [
        { text: "hi" },
        { data: { n: 1 }, filename: "n.json" },
        { raw: "cG5n", mediaType: "image/png" },
        { url: "https://x.example/a" },
        { data: { links: ["https://x.example/a"], hash: "h" } },
      ],
    });
  });

  it("translates other message types to data parts, and a message without a thread to a new context", () => {
    const made = translated(didcomm({ id: "m", type: ECHO, body: { n: 1 } }), A2A);
    const mediaType = "application/didcomm-plain+json";
    expect(json(made)).toMatchObject({ contextId: "m", parts: [{ data: { type: ECHO, body: { n: 1 } }, mediaType }] });
  });

  it("lists headers as lost if they are too large to keep", () => {
    expect(lostOf(translated(didcomm({ id: "m", type: BASIC, body: { content: "hi" }, more: LARGE }), A2A))).toEqual(["headers"]);
  });

  it.each([
    ["no type", { id: "1", body: {} }],
    ["no id", { type: BASIC }],
    ["an invalid type", { id: "1", type: "hello" }],
    ["an attachment without data", { id: "1", type: BASIC, body: { content: "" }, attachments: [{}] }],
  ])("rejects %s", (_what, message) => {
    for (const target of [A2A, SLIM]) {
      expect(() => translated(didcomm(message), target)).toThrow(expect.objectContaining({ code: "message_invalid" }));
    }
  });
});

describe("A2A → DIDComm", () => {
  it("translates the first text to a basic message, and other parts to attachments", () => {
    const parts = [{ text: "hi" }, { data: { n: 1 } }, { raw: "/+8=", mediaType: "x/y" }, { url: "https://x.example" }, { text: "more" }];
    const made = json(translated(a2a({ contextId: "c", parts }), DIDCOMM));
    expect(made).toMatchObject({ type: BASIC, thid: "c", body: { content: "hi" } });
    expect(made["attachments"]).toEqual([
      { media_type: "application/json", data: { json: { n: 1 } } },
      { media_type: "x/y", data: { base64: "_-8" } },
      { data: { links: ["https://x.example"] } },
      { media_type: "text/plain", data: { base64: "bW9yZQ" } },
    ]);
  });

  it("sends the message type that a data part names, and rejects invalid types", () => {
    const part = (type: string): object => ({ parts: [{ data: { type, body: { n: 1 } }, mediaType: "application/didcomm-plain+json" }] });
    expect(json(translated(a2a(part(ECHO)), DIDCOMM))).toMatchObject({ type: ECHO, body: { n: 1 } });
    expect(() => translated(a2a(part("echo")), DIDCOMM)).toThrow(expect.objectContaining({ code: "message_invalid" }));
  });

  it("lists the message as lost if it is too large to keep", () => {
    expect(lostOf(translated(a2aText("hi", { metadata: { LARGE } }), DIDCOMM))).toEqual(["message"]);
  });
});
