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

describe("markers of hard prose", () => {
  it.each([
    ["Who has it may join.", "fused who"],
    ["What waits behind it is delivered first.", "fused what"],
    ["Nobody reads this queue.", "person for a process"],
    ["`x` is no option", "is no X"],
    ["Options that there aren't are refused", "there isn't"],
    ["The link is opened anew.", "adverb"],
    ["The node says that it stopped.", "speech act"],
    ["A message that is buried", "life and death"],
  ])("find %j", (text, marker) => {
    expect(markersOf(text)).toContain(marker);
  });

  it.each(["Anyone holding it can join.", "A rejected message changes nothing.", "It is no longer open.", "Returns what is stored."])(
    "pass %j",
    (text) => {
      expect(markersOf(text)).toEqual([]);
    },
  );
});

describe("the texts of a file", () => {
  it("are comments, strings and templates of several words; code and short names are not", () => {
    const path = join(root, "a.ts");
    writeFileSync(
      path,
      '/** Says what\n * it does. */\nconst who = "nobody";\nthrow new Error(`The ${who} is no DID of this node`); // a "quoted" remark here\n',
    );
    expect(textsOfSource(path)).toEqual([
      { line: 1, text: "Says what it does." },
      { line: 4, text: 'a "quoted" remark here' },
      { line: 4, text: "The x is no DID of this node" },
    ]);
  });

  it("are the sentences of Markdown outside of code blocks", () => {
    expect(
      textsOfMarkdown("# Title of it\n\nOne sentence here. Another sentence here.\n\n```ts\n// nobody reads this\n```\n").map(
        ({ text }) => text,
      ),
    ).toEqual(["# Title of it", "One sentence here.", "Another sentence here."]);
  });
});

describe("the limits", () => {
  const entry = (texts, marked) => ({ texts, marked: Array.from({ length: marked }, () => ({})) });

  it("are one in a hundred overall and two in one package", () => {
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

  it("name the package of each place", () => {
    writeFileSync(join(root, "README.md"), "Nobody reads this file.\n");
    expect(measure(["README.md"], root).get("docs").marked).toMatchObject([{ file: "README.md", line: 1 }]);
  });
});
