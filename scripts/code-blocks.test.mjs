import { describe, expect, it } from "vitest";
import { extractBlocks } from "./code-blocks.mjs";

describe("extractBlocks", () => {
  it("takes the ts blocks, and no others", () => {
    const text = ["# Title", "```sh", "npm install", "```", "```ts", "const a = 1;", "```", "```typescript", "const b = 2;", "```"].join(
      "\n",
    );
    expect(extractBlocks(text).map(({ line, code }) => [line, code.trim()])).toEqual([
      [5, "const a = 1;"],
      [8, "const b = 2;"],
    ]);
  });

  it("keeps lines and columns where they are", () => {
    const [block] = extractBlocks("text\n- item\n  ```ts\n  const a = 1;\n  ```\n");
    expect(block.code.split("\n").indexOf("  const a = 1;")).toBe(3);
  });

  it("strips a docstring's stars and keeps the columns", () => {
    const [block] = extractBlocks("/**\n * ```ts\n * if (a) {\n *   b();\n * }\n * ```\n */", /^\s*\* ?/);
    expect(block.code).toBe("\n\n   if (a) {\n     b();\n   }\n");
  });

  it("reads a shorter fence inside a longer one as text", () => {
    const [block] = extractBlocks("````ts\nconst a = `\n```\n`;\n````");
    expect(block.code.trim()).toBe("const a = `\n```\n`;");
  });

  it("refuses a block that never ends", () => {
    expect(() => extractBlocks("```ts\nconst a = 1;")).toThrow("The code block that line 1 opens is never closed.");
  });
});
