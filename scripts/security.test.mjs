import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkPromises } from "./security.mjs";

let root;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "security-"));
  writeFileSync(join(root, "a.test.ts"), '// keeps what is only in a comment\nit("refuses what others ask for", () => {});\n');
});

afterEach(() => rmSync(root, { recursive: true }));

const check = (tests) => checkPromises(`| promise | test |\n| --- | --- |\n| It holds | ${tests} |\n`, root);

describe("promises in SECURITY.md", () => {
  it("may name a part of a test's name", () => {
    expect(check('`a.test.ts` "refuses what others"; "what others ask for"')).toEqual([]);
  });

  it.each([
    ["a file that isn't there", '`b.test.ts` "refuses what others ask for"', "missing file b.test.ts"],
    ["a test that isn't there", '`a.test.ts` "refuses what the others offer"', 'a.test.ts has no test "refuses what the others offer"'],
    ["a test that is only a comment", '`a.test.ts` "keeps what is only in a comment"', "has no test"],
    ["a test without a file", '"refuses what others ask for"', "is a test of no file"],
    ["too little of a test's name", '`a.test.ts` "refuses"', "too short"],
    ["a file without a test", "`a.test.ts`", "a promise names no test"],
    ["nothing", "", "a promise names no test"],
  ])("can't name %s", (_, tests, problem) => {
    expect(check(tests)[0]).toContain(problem);
  });

  it("are the rows of their tables, of no others", () => {
    expect(checkPromises("| word | meaning |\n| --- | --- |\n| agent | a program |\n", root)).toEqual([]);
  });
});
