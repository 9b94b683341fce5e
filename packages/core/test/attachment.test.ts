import { describe, expect, it } from "vitest";
import { decodePlaintext, encodePlaintext, type JsonValue } from "../src/index.ts";

function read(...attachments: JsonValue[]) {
  return decodePlaintext({ id: "1", type: "https://didcomm.org/basicmessage/2.0/message", attachments });
}

describe("attachments", () => {
  it("are encoded and decoded with every member", () => {
    const wire = {
      id: "a",
      description: "an orange",
      filename: "orange.jpg",
      media_type: "image/jpeg",
      format: "f",
      lastmod_time: 1,
      byte_count: 2,
      data: { base64: "AQI", json: { a: [1] }, links: ["https://example.com/x"], hash: "h", jws: { signature: "s" } },
    };
    const { message } = read(wire);
    expect(message.attachments).toEqual([
      {
        id: "a",
        description: "an orange",
        filename: "orange.jpg",
        mediaType: "image/jpeg",
        format: "f",
        lastModifiedTime: 1,
        byteCount: 2,
        data: wire.data,
      },
    ]);
    expect(JSON.parse(JSON.stringify(encodePlaintext(message)["attachments"]))).toEqual([wire]);
  });

  it.each(["2026-11-20T00:00:00Z", "1516269022", -142128000, 1516269022.5])("keep lastmod_time as it was written: %j", (lastmod_time) => {
    const { message } = read({ lastmod_time, data: { json: 1 } });
    expect(message.attachments?.[0]?.lastModifiedTime).toBe(lastmod_time);
  });

  it.each<JsonValue>([true, {}, [], Infinity, ""])("drop an invalid lastmod_time: %j", (lastmod_time) => {
    expect(read({ lastmod_time, data: { json: 1 } })).toStrictEqual(read({ data: { json: 1 } }));
  });

  it("may have a byte_count that is text", () => {
    expect(read({ byte_count: "12", data: { json: 1 } }).message.attachments?.[0]?.byteCount).toBe(12);
  });

  it("take null for an absent member", () => {
    const nothing = { id: null, filename: null, lastmod_time: null, byte_count: null };
    const { message } = read({ ...nothing, data: { base64: "AQ", json: null, links: null, hash: null, jws: null } });
    expect(message.attachments).toStrictEqual([{ data: { base64: "AQ" } }]);
  });

  it("may be a compact JWS, as text", () => {
    const wire = { id: "1", media_type: "application/vc+jwt", data: { jws: "a.b.c", json: null } };
    const { message } = read(wire);
    expect(message.attachments).toStrictEqual([{ id: "1", mediaType: "application/vc+jwt", data: { jws: "a.b.c" } }]);
    expect(JSON.parse(JSON.stringify(encodePlaintext(message)["attachments"]))).toEqual([{ ...wire, data: { jws: "a.b.c" } }]);
  });

  it("may hold JSON null", () => {
    expect(read({ data: { json: null } }).message.attachments).toStrictEqual([{ data: { json: null } }]);
  });

  it.each<[JsonValue, string]>([
    [null, "attachments[0] must be an object"],
    ["text", "attachments[0] must be an object"],
    [[], "attachments[0] must be an object"],
    [{}, "attachments[0].data must be an object"],
    [{ data: "AQI" }, "attachments[0].data must be an object"],
    [{ data: {} }, "attachments[0].data needs base64, json, links or a jws text"],
    [{ data: { jws: {} } }, "attachments[0].data needs base64, json, links or a jws text"],
    [{ data: { base64: 1 } }, "attachments[0].data.base64 must be a string"],
    [{ data: { json: 1, hash: 1 } }, "attachments[0].data.hash must be a string"],
    [{ data: { jws: "" } }, "attachments[0].data.jws must be an object or a compact JWS"],
    [{ data: { json: 1, jws: 1 } }, "attachments[0].data.jws must be an object or a compact JWS"],
    [{ data: { links: "https://example.com" } }, "attachments[0].data.links must be a list of URLs"],
    [{ data: { links: [1] } }, "attachments[0].data.links must be a list of URLs"],
    [{ id: 1, data: { json: 1 } }, "attachments[0].id must be a string"],
    [{ media_type: {}, data: { json: 1 } }, "attachments[0].media_type must be a string"],
    [{ byte_count: -1, data: { json: 1 } }, "attachments[0].byte_count must be a number of bytes"],
    [{ byte_count: Infinity, data: { json: 1 } }, "attachments[0].byte_count must be a number of bytes"],
    [{ byte_count: "many", data: { json: 1 } }, "attachments[0].byte_count must be a number of bytes"],
  ])("never cost the message: %j", (bad, fault) => {
    const good = { data: { json: "good" } };
    const { message, attachmentFaults } = read(bad, good);
    expect(message.attachments).toEqual([good]);
    expect(attachmentFaults.map(({ code, message: text }) => [code, text])).toEqual([["attachment_invalid", fault]]);
  });

  it("that are not a list are one fault", () => {
    const { message, attachmentFaults } = decodePlaintext({ id: "1", type: "t", attachments: { data: {} } });
    expect(message.attachments).toBeUndefined();
    expect(attachmentFaults.map((fault) => fault.message)).toEqual(["attachments must be a list"]);
  });

  it("beyond the cap are left out, with one fault", () => {
    const many = Array.from({ length: 1000 }, () => ({ data: { json: 1 } }));
    const { message, attachmentFaults } = read(...many);
    expect(message.attachments).toHaveLength(256);
    expect(attachmentFaults).toHaveLength(1);
  });

  it("report at most one fault each, and no more than the cap", () => {
    expect(read(...Array.from({ length: 1000 }, () => null)).attachmentFaults).toHaveLength(257);
  });
});
