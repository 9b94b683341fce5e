// Checks that SECURITY.md names tests that exist: after each promise the path of a test file and names, or parts of names, of tests in it.
// Run: npm run security:check
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { repository } from "./lib/workspace.mjs";

/** Rows of a table of promises. */
const ROW = /^\|(.+)\|(.+)\|$/;
/** A test file, or a file with tests of several files, in a folder `test`. */
const REFERENCE = /`([^`]+\.test\.m?ts|[^`]+\/test\/[^`]+\.ts|[^`]+\.test\.mjs)`|"([^"]+)"/g;
/** Shorter names would be found anywhere. */
const MIN_NAME = 12;

/** What is wrong with the promises in a text, as sentences. */
export function checkPromises(text, root = repository) {
  const problems = [];
  let inTable = false;
  for (const [index, line] of text.split("\n").entries()) {
    const [, promise, tests] = ROW.exec(line) ?? [];
    if (promise === undefined) {
      inTable = false;
    } else if (/^\s*promise\s*$/.test(promise)) {
      inTable = true;
    } else if (inTable && !/^[\s-]+$/.test(promise)) {
      problems.push(...checkTests(tests, root).map((problem) => `SECURITY.md:${index + 1}: ${problem}`));
    }
  }
  return problems;
}

function checkTests(tests, root) {
  const problems = [];
  let path;
  let names = 0;
  for (const [, file, name] of tests.matchAll(REFERENCE)) {
    if (file !== undefined) {
      path = file;
      if (!existsSync(join(root, path))) problems.push(`missing file ${path}`);
    } else if (path === undefined) {
      problems.push(`"${name}" is a test of no file`);
    } else {
      names++;
      if (name.length < MIN_NAME) problems.push(`"${name}" is too short to name a test`);
      if (existsSync(join(root, path)) && !hasTest(readFileSync(join(root, path), "utf8"), name)) {
        problems.push(`${path} has no test "${name}"`);
      }
    }
  }
  if (names === 0) problems.push("a promise names no test");
  return problems;
}

/** Whether a line of the source has it behind a quote. */
function hasTest(source, name) {
  return source.split("\n").some((line) => {
    const at = line.indexOf(name);
    return at > 0 && /["'`]/.test(line.slice(0, at));
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const problems = checkPromises(readFileSync(join(repository, "SECURITY.md"), "utf8"));
  for (const problem of problems) console.log(problem);
  console.log(problems.length === 0 ? "Every promise in SECURITY.md names a test that exists." : `\n${problems.length} problem(s).`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
