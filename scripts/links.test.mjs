import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fragmentsOf } from "./docs/markdown.mjs";
import { brokenLinks } from "./links.mjs";

let root;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "links-"));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

describe("the link checker", () => {
  it("reports links to missing files and headings", () => {
    mkdirSync(join(root, "docs"));
    writeFileSync(join(root, "docs", "a.md"), "# One\n");
    writeFileSync(join(root, "docs", "README.md"), "# Two\n");
    const lines = [
      "[a](docs/a.md#one) [b](docs/a.md#two)",
      "[c](docs) [d](docs#two) [e](docs#one)",
      "[f](#top) [g](b.md) [h](https://example.com)",
    ];
    writeFileSync(join(root, "README.md"), `# Top\n\n${lines.join("\n")}\n`);
    expect(brokenLinks("README.md", root)).toEqual([
      { line: 3, link: "docs/a.md#two" },
      { line: 4, link: "docs#one" },
      { line: 5, link: "b.md" },
    ]);
  });

  it("ignores code", () => {
    writeFileSync(join(root, "README.md"), "`[a](b.md)`\n\n```md\n[a](b.md)\n```\n");
    expect(brokenLinks("README.md", root)).toEqual([]);
  });
});

describe("fragments of headings", () => {
  it("are those of GitHub", () => {
    expect([...fragmentsOf("# `POST /didcomm`\n## A [link](b.md), twice\n## A link, twice\n```sh\n# no heading\n```\n")]).toEqual([
      "post-didcomm",
      "a-link-twice",
      "a-link-twice-1",
    ]);
  });
});
