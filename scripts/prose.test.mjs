import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { markersOf } from "./lib/prose-markers.mjs";
import { measure, problemsOf, textsOfMarkdown, textsOfSource } from "./prose.mjs";

let root;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "prose-"));
});

afterEach(() => rmSync(root, { recursive: true }));

describe("markersOf", () => {
  // Each sentence is in two parts, so that a count of this file does not find it.
  it.each([
    ["Who", "has it may join.", "fused who"],
    ["What waits", "behind it is delivered first.", "fused what"],
    ["Nobody", "reads this queue.", "person for a process"],
    ["The text x is", "no option", "is no X"],
    ["Options that", "there aren't are refused", "there isn't"],
    ["The link is opened", "anew.", "adverb"],
    ["The node says", "that it stopped.", "speech act"],
    ["A message that is", "buried", "life and death"],
  ])("finds the marker in '%s %s'", (start, end, marker) => {
    expect(markersOf(`${start} ${end}`)).toContain(marker);
  });

  it.each(["Anyone holding it can join.", "A rejected message changes nothing.", "It is no longer open.", "Returns what is stored."])(
    "finds no marker in %j",
    (text) => {
      expect(markersOf(text)).toEqual([]);
    },
  );
});

describe("textsOfSource", () => {
  it("returns comments, strings and templates of several words, without code and short names", () => {
    const path = join(root, "a.ts");
    writeFileSync(
      path,
      '/** Returns what\n * it stored. */\nconst did = "alice";\nthrow new Error(`The ${did} of this node is unknown`); // a "quoted" remark here\n',
    );
    expect(textsOfSource(path)).toEqual([
      { line: 1, text: "Returns what it stored." },
      { line: 4, text: 'a "quoted" remark here' },
      { line: 4, text: "The x of this node is unknown" },
    ]);
  });
});

describe("textsOfMarkdown", () => {
  it("returns the sentences outside of code blocks", () => {
    expect(
      textsOfMarkdown("# Title of it\n\nOne sentence here. Another sentence here.\n\n```ts\n// a comment in code\n```\n").map(
        ({ text }) => text,
      ),
    ).toEqual(["# Title of it", "One sentence here.", "Another sentence here."]);
  });
});

describe("problemsOf", () => {
  const entry = (texts, marked) => ({ texts, marked: Array.from({ length: marked }, () => ({})) });

  it("reports more than one marker in a hundred texts overall, or two in one package", () => {
    expect(problemsOf(new Map([["a", entry(1000, 10)]]))).toEqual([]);
    expect(problemsOf(new Map([["a", entry(1000, 11)]]))).toEqual(["overall: 1.1 %, limit 1.0 %"]);
    expect(
      problemsOf(
        new Map([
          ["a", entry(100, 3)],
          ["b", entry(1000, 0)],
        ]),
      ),
    ).toEqual(["a: 3.0 % (3 of 100), limit 2.0 %"]);
  });
});

describe("measure", () => {
  it("counts a marker for the package of its file", () => {
    writeFileSync(join(root, "README.md"), ["Nobody", "reads this file.\n"].join(" "));
    expect(measure(["README.md"], root).get("docs").marked).toMatchObject([{ file: "README.md", line: 1 }]);
  });
});
