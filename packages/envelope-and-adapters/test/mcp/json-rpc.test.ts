import { thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AdapterError } from "../../src/index.ts";
import { readJsonRpc } from "../../src/mcp/json-rpc.ts";
import { bytes } from "../utf8.ts";

const read = (text: string, maxBytes = 1000): unknown => readJsonRpc(bytes(text), maxBytes);

describe("readJsonRpc", () => {
  it.each([
    '{"jsonrpc":"2.0","method":"ping","id":1}',
    '{"jsonrpc":"2.0","method":"ping","id":"a","params":{}}',
    '{"jsonrpc":"2.0","method":"ping","id":1,"params":[]}',
    '{"jsonrpc":"2.0","method":"notifications/initialized"}',
    '{"jsonrpc":"2.0","id":1,"result":{}}',
    '{"jsonrpc":"2.0","id":"a","error":{"code":1,"message":""}}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}',
    '{"jsonrpc":"2.0","error":{"code":1,"message":""}}',
  ])("reads %s", (text) => {
    expect(read(text)).toEqual(JSON.parse(text));
  });

  it.each([
    "",
    "null",
    "[]",
    '"text"',
    "{",
    "{}",
    '{"jsonrpc":"1.0","method":"ping","id":1}',
    '{"jsonrpc":"2.0"}',
    '{"jsonrpc":"2.0","id":1}',
    '{"jsonrpc":"2.0","method":1,"id":1}',
    '{"jsonrpc":"2.0","method":"ping","id":null}',
    '{"jsonrpc":"2.0","method":"ping","id":1.5}',
    '{"jsonrpc":"2.0","method":"ping","id":{}}',
    '{"jsonrpc":"2.0","method":"ping","id":1,"params":"x"}',
    '{"jsonrpc":"2.0","method":"ping","id":1,"params":null}',
    '{"jsonrpc":"2.0","method":"ping","id":1,"result":{}}',
    '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
    '{"jsonrpc":"2.0","id":1,"result":null}',
    '{"jsonrpc":"2.0","id":null,"result":{}}',
    '{"jsonrpc":"2.0","result":{}}',
    '{"jsonrpc":"2.0","id":true,"error":{}}',
    '{"jsonrpc":"2.0","id":1,"error":"x"}',
    '[{"jsonrpc":"2.0","method":"ping","id":1}]',
    `{"jsonrpc":"2.0","method":"ping","params":${"[".repeat(200)}${"]".repeat(200)}}`,
  ])("rejects %s", (text) => {
    expect(thrownBy(() => read(text))).toMatchObject({ name: "AdapterError", code: "message_invalid" });
  });

  it("rejects invalid UTF-8", () => {
    const data = bytes('{"jsonrpc":"2.0","method":"ping"}');
    data[25] = 0xff;
    expect(thrownBy(() => readJsonRpc(data, 1000))).toMatchObject({ code: "message_invalid" });
  });

  it("limits the size", () => {
    const text = '{"jsonrpc":"2.0","method":"ping"}';
    expect(read(text, text.length)).toEqual(JSON.parse(text));
    expect(thrownBy(() => read(text, text.length - 1))).toMatchObject({ code: "message_too_large" });
  });

  it("ignores brackets in strings when checking the depth", () => {
    const text = `{"jsonrpc":"2.0","method":"${"[{".repeat(300)}\\"[[\\\\"}`;
    expect(read(text, 2000)).toEqual(JSON.parse(text));
  });

  it("throws only AdapterError", () => {
    const member = fc.constantFrom("jsonrpc", "id", "method", "params", "result", "error", "__proto__");
    const value = fc.oneof(fc.json({ maxDepth: 2 }), fc.constantFrom('"2.0"', '"ping"', "1", "{}"));
    const object = fc.array(fc.tuple(member, value)).map((members) => `{${members.map(([name, json]) => `"${name}":${json}`).join()}}`);
    fc.assert(
      fc.property(fc.oneof(object, fc.json(), fc.string()), fc.nat(), (text, where) => {
        const data = bytes(text);
        const at = where % Math.max(data.length, 1);
        const flipped = data.slice();
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (where % 8));
        for (const mutant of [data, data.subarray(0, at), flipped]) {
          try {
            expect(readJsonRpc(mutant, 10_000).jsonrpc).toBe("2.0");
          } catch (error) {
            if (!(error instanceof AdapterError)) throw error;
          }
        }
      }),
    );
  });
});
