import { thrownBy } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import type { AdapterError } from "../src/index.ts";
import { readJsonRpc } from "../src/mcp/json-rpc.ts";
import { rejectedMessage } from "../src/internal/rejected-message.ts";
import { bytes } from "./utf8.ts";

function reject(text: string, maxBytes = 1000) {
  const payload = bytes(text);
  return rejectedMessage(payload, thrownBy(() => readJsonRpc(payload, maxBytes)) as AdapterError);
}

const deep = `${"[".repeat(200)}${"]".repeat(200)}`;

describe("malformed JSON-RPC 2.0 messages", () => {
  it.each<[string, number, unknown]>([
    ["", -32_700, null],
    ["{", -32_700, null],
    ['{"jsonrpc":"2.0","method":"foobar,"params":"bar","baz]', -32_700, null],
    ["[]", -32_600, null],
    ["[1,2,3]", -32_600, null],
    ['[{"jsonrpc":"2.0","method":"ping","id":1}]', -32_600, null],
    ['[{"jsonrpc":"2.0","method":"sum","id":"1"},{"jsonrpc":"2.0","method":"note"}]', -32_600, null],
    ["null", -32_600, null],
    ["7", -32_600, null],
    ['"text"', -32_600, null],
    ["{}", -32_600, null],
    ['{"jsonrpc":"2.0","method":1,"params":"bar"}', -32_600, null],
    ['{"jsonrpc":"2.0","method":1,"id":4}', -32_600, 4],
    ['{"jsonrpc":"2.0","id":4}', -32_600, 4],
    ['{"jsonrpc":"1.0","method":"ping","id":1}', -32_600, 1],
    ['{"method":"ping","id":1}', -32_600, 1],
    ['{"jsonrpc":2,"method":"ping","id":"a"}', -32_600, "a"],
    ['{"jsonrpc":"2.0","method":"ping","id":null}', -32_600, null],
    ['{"jsonrpc":"2.0","method":"ping","id":1.5}', -32_600, 1.5],
    ['{"jsonrpc":"2.0","method":"ping","id":true}', -32_600, null],
    ['{"jsonrpc":"2.0","method":"ping","id":{}}', -32_600, null],
    ['{"jsonrpc":"2.0","method":"ping","id":[1]}', -32_600, null],
    ['{"jsonrpc":"2.0","method":"ping","id":1,"params":"x"}', -32_600, 1],
    ['{"jsonrpc":"2.0","method":"ping","id":1,"params":null}', -32_600, 1],
    ['{"jsonrpc":"2.0","method":"ping","id":1,"result":{}}', -32_600, 1],
    [`{"jsonrpc":"2.0","method":"ping","id":1,"params":${deep}}`, -32_600, 1],
    [`{"jsonrpc":"2.0","method":"ping","id":"${"x".repeat(2000)}"}`, -32_603, null],
    [`{"jsonrpc":"2.0","method":"ping","id":1,"params":{"x":"${"x".repeat(2000)}"}}`, -32_603, 1],
  ])("are answered with an error: %s", (text, code, id) => {
    expect(reject(text)).toEqual({ reply: { jsonrpc: "2.0", id, error: { code, message: expect.any(String) } } });
  });

  it.each([
    '{"jsonrpc":"2.0","method":"note","params":"x"}',
    '{"jsonrpc":"2.0","method":"note","params":null}',
    '{"jsonrpc":"2.0","id":null,"result":{}}',
    '{"jsonrpc":"2.0","result":{}}',
    '{"jsonrpc":"2.0","id":true,"error":{}}',
    '[{"jsonrpc":"2.0","id":1,"result":{}}]',
  ])("are not answered if they are notifications or responses: %s", (text) => {
    expect(reject(text)).toEqual({});
  });

  it.each<[string, unknown]>([
    ['{"jsonrpc":"2.0","id":1,"result":"text"}', 1],
    ['{"jsonrpc":"2.0","id":"a","result":{},"error":{}}', "a"],
    ['{"jsonrpc":"1.0","id":1,"result":{}}', 1],
    ['{"jsonrpc":"2.0","id":1,"error":"x"}', 1],
    [`{"jsonrpc":"2.0","id":1,"result":{"x":"${"x".repeat(2000)}"}}`, 1],
  ])("fail the pending request if they are responses: %s", (text, id) => {
    expect(reject(text)).toEqual({ response: { jsonrpc: "2.0", id, error: { code: -32_603, message: expect.any(String) } } });
  });
});
