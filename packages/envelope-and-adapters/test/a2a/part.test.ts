import { Message, Part, Role } from "@a2a-js/sdk";
import type { JsonObject } from "@parley/core";
import { thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readMessage, writeMessage } from "../../src/a2a/message.ts";
import { readPart, writePart } from "../../src/a2a/part.ts";
import { AdapterError } from "../../src/index.ts";

/** Serializes and parses a value. */
function writtenOf(message: Message): unknown {
  return JSON.parse(JSON.stringify(writeMessage(message)));
}

const RAW = Buffer.from("raw bytes").toString("base64");

describe("readPart and writePart", () => {
  it.each<[string, unknown, object]>([
    ["the seed's text", { type: "text", text: "Hello" }, { text: "Hello" }],
    ["the seed's data", { type: "data", data: [1] }, { data: [1] }],
    ["0.3's text", { kind: "text", text: "Hello", metadata: { a: 1 } }, { text: "Hello", metadata: { a: 1 } }],
    ["0.3's data", { kind: "data", data: { a: null } }, { data: { a: null } }],
    [
      "0.3's file with bytes",
      { kind: "file", file: { name: "a.txt", mimeType: "text/plain", bytes: RAW } },
      { raw: RAW, filename: "a.txt", mediaType: "text/plain" },
    ],
    ["0.3's file with a URI", { kind: "file", file: { uri: "https://example.com/a" } }, { url: "https://example.com/a" }],
    ["1.0's text", { text: "Hello", mediaType: "text/markdown" }, { text: "Hello", mediaType: "text/markdown" }],
    ["1.0's raw", { raw: RAW, filename: "a.bin" }, { raw: RAW, filename: "a.bin" }],
    ["1.0's url", { url: "https://example.com/a" }, { url: "https://example.com/a" }],
    ["1.0's data", { data: null }, { data: null }],
    ["an empty text", { text: "" }, { text: "" }],
    ["the SDK's text", Part.fromJSON({ text: "Hello" }), { text: "Hello" }],
    ["the SDK's raw", Part.fromJSON({ raw: RAW }), { raw: RAW }],
    ["the SDK's data", Part.fromJSON({ data: { a: 1 }, filename: "x" }), { data: { a: 1 }, filename: "x" }],
  ])("read %s and write it as A2A 1.0", (_, input, written) => {
    const part = readPart(input);
    expect(JSON.parse(JSON.stringify(writePart(part)))).toEqual(written);
    expect(Part.toJSON(part)).toEqual(written);
    expect(readPart(written)).toEqual(part);
  });

  it.each<[unknown]>([
    [null],
    ["text"],
    [[]],
    [{}],
    [{ kind: "text" }],
    [{ text: 1 }],
    [{ text: "a", data: 1 }],
    [{ raw: "not base64!" }],
    [{ raw: 7 }],
    [{ url: {} }],
    [{ text: "a", metadata: [] }],
    [{ text: "a", filename: 1 }],
    [{ kind: "file", file: {} }],
    [{ kind: "file", file: { bytes: RAW, uri: "x" } }],
    [{ content: { $case: "magic", value: 1 } }],
    [{ content: { $case: "text" } }],
  ])("reject %j", (input) => {
    expect(thrownBy(() => readPart(input))).toMatchObject({ name: "AdapterError", code: "message_invalid" });
  });

  it("reject writing a part without content", () => {
    expect(thrownBy(() => writePart(Part.fromJSON({})))).toMatchObject({ code: "message_invalid" });
  });
});

describe("readMessage and writeMessage", () => {
  it("agree with the official SDK", () => {
    const json = {
      messageId: "m1",
      contextId: "c1",
      taskId: "t1",
      role: "ROLE_AGENT",
      parts: [{ text: "Hello" }, { data: { a: 1 } }],
      metadata: { k: "v" },
      extensions: ["https://example.com/e"],
      referenceTaskIds: ["t0"],
    };
    const message = readMessage(json);
    expect(message).toEqual(Message.fromJSON(json));
    expect(JSON.parse(JSON.stringify(writeMessage(message)))).toEqual(Message.toJSON(message));
  });

  it.each([
    ["user", Role.ROLE_USER],
    ["agent", Role.ROLE_AGENT],
    ["ROLE_USER", Role.ROLE_USER],
    [1, Role.ROLE_USER],
    [2, Role.ROLE_AGENT],
  ])("read the role %s", (role, expected) => {
    expect(readMessage({ messageId: "m", parts: [], role }).role).toBe(expected);
  });

  it("accept messages with only the required members", () => {
    const json = { messageId: "m", role: "ROLE_USER", parts: [] };
    expect(readMessage(json)).toEqual(Message.fromJSON(json));
  });

  it("read proto names at all levels, and null as absent", () => {
    const json = {
      message_id: "m",
      context_id: "c",
      task_id: "t",
      reference_task_ids: ["r"],
      extensions: null,
      metadata: null,
      role: "ROLE_USER",
      parts: [
        { text: "x", media_type: "text/plain", filename: null, raw: null, data: null },
        { kind: "file", file: { name: "a", mime_type: "text/plain", file_with_uri: "https://example.com/a" } },
        { file: { mimeType: "text/plain", fileWithBytes: RAW } },
        { data: null },
      ],
    } as unknown as JsonObject;
    expect(writtenOf(readMessage(json))).toEqual({
      messageId: "m",
      contextId: "c",
      taskId: "t",
      referenceTaskIds: ["r"],
      role: "ROLE_USER",
      parts: [
        { text: "x", mediaType: "text/plain" },
        { url: "https://example.com/a", filename: "a", mediaType: "text/plain" },
        { raw: RAW, mediaType: "text/plain" },
        { data: null },
      ],
    });
  });

  it("read messages of the official SDK", () => {
    const message = Message.fromJSON({ messageId: "m", contextId: "c", role: "ROLE_AGENT", parts: [{ text: "x" }] });
    expect(readMessage(message)).toEqual(message);
  });

  it.each([
    [{ parts: undefined }],
    [{ parts: {} }],
    [{ parts: [null] }],
    [{ messageId: 7 }],
    [{ messageId: "" }],
    [{ messageId: undefined }],
    [{ messageId: null }],
    [{ message_id: "n" }],
    [{ contextId: "c", context_id: "c" }],
    [{ role: undefined }],
    [{ role: "chief" }],
    [{ role: "ROLE_UNSPECIFIED" }],
    [{ role: 0 }],
    [{ metadata: "x" }],
    [{ extensions: "x" }],
    [{ extensions: [1] }],
    [{ referenceTaskIds: {} }],
    [{ parts: [{ text: "x", mediaType: "a", media_type: "b" }] }],
  ])("reject %j", (members) => {
    const json = { messageId: "m", role: "user", parts: [], ...members } as unknown as JsonObject;
    expect(thrownBy(() => readMessage(json))).toMatchObject({ code: "message_invalid" });
  });

  it("limit the number of parts", () => {
    const parts = Array.from({ length: 1025 }, () => ({ text: "" }));
    expect(thrownBy(() => readMessage({ messageId: "m", role: "user", parts }))).toMatchObject({ code: "message_too_large" });
  });

  it("throw only AdapterError for arbitrary JSON", () => {
    const json = fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text) as never);
    const part = fc.dictionary(
      fc.constantFrom("text", "raw", "url", "data", "kind", "type", "file", "metadata", "content", "media_type", "mediaType"),
      json,
    );
    const message = fc.dictionary(fc.constantFrom("parts", "role", "messageId", "message_id", "metadata", "extensions"), json);
    fc.assert(
      fc.property(message, fc.array(fc.oneof(part, json)), fc.boolean(), (object, parts, keep) => {
        try {
          writeMessage(readMessage(keep ? object : { ...object, messageId: "m", role: "user", parts }));
        } catch (error) {
          if (!(error instanceof AdapterError)) throw error;
        }
      }),
    );
  });
});
