import { expect, it } from "vitest";
import { ACCEPT_POST, decodeBatch, encodeBatch, offersBatches, sizeInBatch } from "../../src/federation/envelope-batch.ts";

function decode(text: string): readonly string[] | undefined {
  return decodeBatch(Buffer.from(text))?.map(String);
}

it("a batch is a JSON text sequence (RFC 7464)", () => {
  const batch = encodeBatch(['{"a":1}', '{"ü":"€"}']);
  expect(batch).toBe('\u001E{"a":1}\n\u001E{"ü":"€"}\n');
  expect(Buffer.byteLength(batch)).toBe(sizeInBatch('{"a":1}') + sizeInBatch('{"ü":"€"}'));
  expect(decode(batch)?.map((text) => JSON.parse(text) as unknown)).toEqual([{ a: 1 }, { ü: "€" }]);
});

it("line feeds within and after an envelope are white space of JSON", () => {
  expect(decode('\u001E{\n"a":1}\n\n\u001E{}')?.map((text) => JSON.parse(text) as unknown)).toEqual([{ a: 1 }, {}]);
});

it.each(["", "{}", "\n\u001E{}", "\u001E{}\n".repeat(65)])(
  "a body without a first separator or with over 64 envelopes is not a batch",
  (body) => {
    expect(decode(body)).toBeUndefined();
  },
);

it("64 envelopes are one batch, and an empty one is an envelope", () => {
  expect(decode("\u001E{}\n".repeat(64))).toHaveLength(64);
  expect(decode("\u001E\u001E")).toEqual(["", ""]);
});

it.each([
  [ACCEPT_POST, true],
  ["APPLICATION/vnd.parley.didcomm-batch+json-seq", true],
  ["application/didcomm-encrypted+json", false],
  ["", false],
  [undefined, false],
])("Accept-Post %j offers batches: %s", (value, offered) => {
  expect(offersBatches(value)).toBe(offered);
});
