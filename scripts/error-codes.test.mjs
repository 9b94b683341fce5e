import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withErrorTables } from "./error-codes.mjs";

let root;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "error-codes-"));
});

afterEach(() => rmSync(root, { recursive: true }));

const ROWS = "| code | meaning |\n| --- | --- |\n| `gone` | it is gone |\n";
const readme = (table) => `# Package\n\n<!-- error-codes error.ts -->\n\n${table}\n<!-- /error-codes -->\n`;

function writeSource(codes) {
  const table = ROWS.trim().replaceAll(/^/gm, " * ");
  writeFileSync(join(root, "error.ts"), `/**\n * Why.\n *\n${table}\n */\nexport type Code = ${codes};\n`);
}

describe("tables of error codes", () => {
  it("are copied from the source into the README", () => {
    writeSource('"gone"');
    expect(withErrorTables(readme("| code | meaning |\n| --- | --- |\n| `old` | it is old |\n"), root)).toBe(readme(ROWS));
  });

  it("keep the alignment of the formatter", () => {
    writeSource('"gone"');
    const aligned = readme("| code   | meaning    |\n| ------ | ---------- |\n| `gone` | it is gone |\n");
    expect(withErrorTables(aligned, root)).toBe(aligned);
  });

  it.each([
    ["lack a code of the type", '"gone" | "new"', "new is not documented"],
    ["have a code that the type lacks", '"other"', "gone is documented, but does not exist"],
  ])("can't %s", (_, codes, problem) => {
    writeSource(codes);
    expect(() => withErrorTables(readme(""), root)).toThrow(problem);
  });
});
