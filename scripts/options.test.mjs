import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkDefaults, documentedOptions, helpLines, optionTable, withHelp, withOptionTables } from "./options.mjs";

let root;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "options-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function documented() {
  const path = join(root, "options.ts");
  writeFileSync(
    path,
    `export interface Options {
  /** Port to listen on; \`0\` takes a free one. Default 4000. */
  readonly port?: number;
  /**
   * Bytes of a message,
   * a|b. Default 4 Mi.
   */
  readonly maxBytes?: number;
  readonly bare?: string;
}`,
  );
  return documentedOptions(path, "Options");
}

describe("options in documents", () => {
  it("are copied from the docstrings", () => {
    expect(documented()).toEqual([
      { name: "port", text: "Port to listen on; `0` takes a free one.", standard: "4000" },
      { name: "maxBytes", text: "Bytes of a message, a|b.", standard: "4 Mi" },
      { name: "bare", text: "", standard: "" },
    ]);
    expect(optionTable(documented()).split("\n")[3]).toBe("| `maxBytes` | 4 Mi | Bytes of a message, a\\|b. |");
  });

  it("are filled in at their places", () => {
    const page = "# Page\n\n<!-- options Options -->\n<!-- /options -->\n";
    expect(withOptionTables(page, new Map([["Options", "| a |"]]))).toBe(
      "# Page\n\n<!-- options Options -->\n\n| a |\n\n<!-- /options -->\n",
    );
    expect(() => withOptionTables(page, new Map())).toThrow("no server has options Options");
  });

  it("must have the schema's defaults", () => {
    const check = (described) => checkDefaults(documented(), described, "Options");
    check([
      { name: "port", standard: 4000 },
      { name: "maxBytes", standard: 4 * 1024 * 1024 },
    ]);
    expect(() => check([{ name: "port", standard: 5000 }])).toThrow('the docstring of port says "Default 4000"; the schema has 5000');
    expect(() => check([{ name: "other", standard: undefined }])).toThrow("other has no docstring");
  });

  it("are lines of the help", () => {
    const flags = { port: { value: "<n>", help: "" }, "max-bytes": { value: "<n>", help: "" }, quiet: { value: "", help: "Log nothing" } };
    const lines = helpLines(flags, documented(), []);
    expect(lines).toEqual([
      "  --port <n>          Port to listen on; 0 takes a free one (default 4000)",
      "  --max-bytes <n>     Bytes of a message, a|b",
      "  --quiet             Log nothing",
    ]);
    const list = [{ name: "nats", text: 'Servers, such as `["nats://n1:4222", "nats://n2:4222"]`. More.', standard: "" }];
    expect(helpLines({ nats: { value: "<url>,…", help: "" } }, list, [])).toEqual([
      "  --nats <url>,…      Servers, such as nats://n1:4222,nats://n2:4222",
    ]);
    expect(withHelp("x\n\nstart:\n  --old\n\nmore\n", ["  --new"])).toBe("x\n\nstart:\n  --new\n\nmore\n");
  });
});
