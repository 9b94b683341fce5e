import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { normalizeA2a } from "../../src/formats/a2a-message.ts";
import { partsOfToolResult, toolResultOf } from "../../src/translate/tool-result.ts";
import { parts } from "../support/arbitraries.ts";

const data = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("base64"));
const meta = fc.record({ annotations: fc.record({ priority: fc.integer() }), _meta: fc.record({ x: fc.nat() }) }, { requiredKeys: [] });
const mimeType = fc.constantFrom("image/png", "text/x");
const object = fc
  .dictionary(fc.string({ maxLength: 5 }), fc.nat(), { maxKeys: 3 })
  .map((value) => JSON.parse(JSON.stringify(value)) as object);

const blocks = fc
  .oneof(
    fc.record({ type: fc.constant("text"), text: fc.string() }),
    fc.record({ type: fc.constantFrom("image", "audio"), data, mimeType }),
    fc.record({ type: fc.constant("resource_link"), uri: fc.webUrl(), name: fc.string({ minLength: 1 }), description: fc.string() }),
    fc.record({
      type: fc.constant("resource"),
      resource: fc.record({ uri: fc.webUrl(), text: fc.string(), mimeType }, { requiredKeys: ["uri", "text"] }),
    }),
    fc.record({
      type: fc.constant("resource"),
      resource: fc.record({ uri: fc.webUrl(), blob: data, mimeType }, { requiredKeys: ["uri", "blob"] }),
    }),
    fc.record({ type: fc.constant("future"), more: object }),
  )
  .chain((block) => meta.map((more) => ({ ...block, ...more })));

const results = fc.record(
  { content: fc.array(blocks, { maxLength: 4 }), structuredContent: object, isError: fc.constant(true), _meta: object },
  { requiredKeys: ["content"] },
);

/** All members of a JSON text, at any depth, sorted. */
function membersOf(json: string): readonly string[] {
  return json.split(/[{},]/).toSorted();
}

const REQUIRED = { messageId: "m", role: "ROLE_AGENT" };

describe("translation between tool results and message parts", () => {
  it("MCP → A2A → MCP restores the result", () => {
    fc.assert(
      fc.property(results, (result) => {
        const { parts: made, metadata } = partsOfToolResult(result as never);
        const message = normalizeA2a({ ...REQUIRED, parts: made, metadata });
        expect(toolResultOf(message)).toEqual(result);
      }),
      { numRuns: gateOrSoak(100, 5000) },
    );
  });

  it("A2A → MCP → A2A restores the parts", () => {
    fc.assert(
      fc.property(fc.array(parts, { minLength: 1, maxLength: 4 }), (made) => {
        const before = normalizeA2a({ ...REQUIRED, parts: made }).parts;
        const result = JSON.parse(JSON.stringify(toolResultOf({ parts: before }))) as never;
        expect(normalizeA2a({ ...REQUIRED, parts: partsOfToolResult(result).parts }).parts).toEqual(before);
      }),
      { numRuns: gateOrSoak(100, 5000) },
    );
  });

  it.each([
    '{"type":"text","text":"a","__proto__":{"x":1}}',
    '{"type":"image","data":"AAAA","mimeType":"image/png","__proto__":1}',
    '{"type":"resource_link","uri":"https://x.example/","name":"x","__proto__":null}',
    '{"type":"resource","resource":{"uri":"file:///a","text":"a","__proto__":{"y":2}},"__proto__":"z"}',
    '{"type":"future","__proto__":{"x":1}}',
  ])("keeps members of any name: %s", (block) => {
    const result = JSON.parse(`{"content":[${block}]}`) as never;
    const { parts: made, metadata } = partsOfToolResult(result);
    const returned = toolResultOf(normalizeA2a({ ...REQUIRED, parts: made, metadata }));
    expect(membersOf(JSON.stringify(returned))).toEqual(membersOf(JSON.stringify(result)));
  });

  it.each([[{ content: "text" }], [{ content: [1] }], [{ content: Array.from({ length: 1025 }, () => ({ type: "text", text: "" })) }]])(
    "rejects a malformed result",
    (result) => {
      expect(() => partsOfToolResult(result as never)).toThrow(expect.objectContaining({ name: "BridgeError" }));
    },
  );
});
