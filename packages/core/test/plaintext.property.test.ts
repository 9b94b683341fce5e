import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePlaintext, encodePlaintext, PlaintextError, type Attachment, type JsonObject, type Message } from "../src/index.ts";

const text = fc.string({ minLength: 1, maxLength: 40 });
const time = fc.oneof(
  fc.nat(),
  fc.integer(),
  fc.double({ min: -8.64e12, max: 8.64e12, noNaN: true }).map((seconds) => seconds + 0),
);
const json = fc.json({ maxDepth: 3 }).map((written): unknown => JSON.parse(written));
const jsonObject = fc
  .dictionary(fc.string({ maxLength: 10 }), json, { maxKeys: 5 })
  .map((object) => JSON.parse(JSON.stringify(object)) as JsonObject);
const optional = { requiredKeys: [] };

const attachment = fc
  .record(
    {
      id: text,
      description: text,
      filename: text,
      mediaType: text,
      format: text,
      lastModifiedTime: fc.oneof(time, text),
      byteCount: fc.nat(),
    },
    optional,
  )
  .chain((described) =>
    fc
      .oneof(
        fc.record({ base64: fc.base64String() }),
        fc.record({ json }),
        fc.record({ links: fc.array(fc.webUrl(), { maxLength: 3 }), hash: text }),
      )
      .map((data) => ({ ...described, data }) as Attachment),
  );

const message = fc.record(
  {
    id: text,
    type: text,
    to: fc.array(text, { maxLength: 4 }),
    body: jsonObject,
    from: text,
    threadId: text,
    parentThreadId: text,
    createdTime: time,
    expiresTime: time,
    traceContext: fc.constant({ traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }),
    attachments: fc.array(attachment, { minLength: 1, maxLength: 3 }),
    headers: fc.constantFrom({ please_ack: [] }, { lang: "de", goal: null }),
  },
  { requiredKeys: ["id", "type", "to", "body"] },
) as fc.Arbitrary<Message>;

/** Reads JSON text as a transport does. Other text is rejected before the codec is called. */
function read(written: string): "read" | "refused" | "no JSON" {
  let value: unknown;
  try {
    value = JSON.parse(written);
  } catch {
    return "no JSON";
  }
  try {
    JSON.stringify(encodePlaintext(decodePlaintext(value).message));
    return "read";
  } catch (error) {
    if (error instanceof PlaintextError) return "refused";
    throw error;
  }
}

describe("the plaintext codec", () => {
  it("gives back every message that it has written", () => {
    fc.assert(
      fc.property(message, (original) => {
        const { message: again, attachmentFaults } = decodePlaintext(JSON.parse(JSON.stringify(encodePlaintext(original))));
        expect(attachmentFaults).toEqual([]);
        expect(again).toEqual(original);
      }),
    );
  });

  it("throws only PlaintextError for any JSON", () => {
    const members = ["id", "type", "typ", "from", "to", "thid", "pthid", "body", "attachments", "created_time", "expires_time"];
    const hostile = fc.dictionary(fc.oneof(fc.constantFrom(...members, "trace_context", "__proto__"), fc.string()), json);
    const named = hostile.map((object): JsonObject => ({ id: "1", type: "t", ...(object as JsonObject) }));
    fc.assert(
      fc.property(fc.oneof(json, hostile, named), (value) => {
        expect(read(JSON.stringify(value))).not.toBe("no JSON");
      }),
    );
  });

  it("survives text that was truncated, extended or flipped", () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.string({ minLength: 1, maxLength: 3 }), (original, where, noise) => {
        const written = JSON.stringify(encodePlaintext(original));
        const at = where % written.length;
        expect(read(written.slice(0, at))).toBe("no JSON");
        read(written + noise);
        read(written.slice(0, at) + noise + written.slice(at + 1));
      }),
    );
  });
});
