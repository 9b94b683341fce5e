// Counts sentence patterns that make comments, error messages, test names and documentation hard to read.
// Run: npm run prose                       a row per package; fails above the limits
//      npm run prose -- --list <package>   every place in a package, or in `docs`
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MARKERS, markersOf } from "./lib/prose-markers.mjs";
import { lineAt, parseSource, walk } from "./lib/source.mjs";
import { repository } from "./lib/workspace.mjs";

/** Share of texts with a marker, in all and in one package. */
const MAX_SHARE = 0.01;
const MAX_PACKAGE_SHARE = 0.02;
/** Shorter texts are names and codes. */
const MIN_LENGTH = 12;
const MIN_WORDS = 3;

/** The texts of a source file that people read: comments and string literals of at least three words, as `{ line, text }`. */
export function textsOfSource(path) {
  const { text: source, program, comments } = parseSource(path);
  const found = comments.map(({ value, start }) => ({ start, text: value.replaceAll(/^\s*\*+ ?/gm, " ") }));
  walk(program, (node) => {
    if (node.type === "Literal" && typeof node.value === "string") found.push({ start: node.start, text: node.value });
    if (node.type === "TemplateLiteral") found.push({ start: node.start, text: node.quasis.map(({ value }) => value.raw).join("x") });
  });
  return found.map(({ start, text }) => ({ line: lineAt(source, start), text: tidy(text) })).filter(({ text }) => isProse(text));
}

/** The sentences of a Markdown text, code blocks left out. */
export function textsOfMarkdown(markdown) {
  const prose = markdown.replaceAll(/^```[\s\S]*?^```/gm, (block) => block.replaceAll(/[^\n]/g, ""));
  return prose
    .split(/\n\s*\n|(?<=[.;])\s+/)
    .map((text) => ({ line: lineAt(markdown, Math.max(0, markdown.indexOf(text))), text: tidy(text) }))
    .filter(({ text }) => isProse(text));
}

/** Places with a marker, by package: `{ texts, marked: [{ file, line, text, markers }] }`. */
export function measure(files, root = repository) {
  const packages = new Map();
  for (const file of files) {
    const name = packageOf(file);
    const found = file.endsWith(".md") ? textsOfMarkdown(readFileSync(join(root, file), "utf8")) : textsOfSource(join(root, file));
    const entry = packages.get(name) ?? { texts: 0, marked: [] };
    packages.set(name, entry);
    entry.texts += found.length;
    for (const { line, text } of found) {
      const markers = markersOf(text);
      if (markers.length > 0) entry.marked.push({ file, line, text, markers });
    }
  }
  return packages;
}

/** The limits that a count exceeds, as sentences. */
export function problemsOf(packages) {
  const problems = [];
  let [texts, marked] = [0, 0];
  for (const [name, entry] of packages) {
    texts += entry.texts;
    marked += entry.marked.length;
    if (entry.marked.length > Math.max(1, entry.texts * MAX_PACKAGE_SHARE))
      problems.push(`${name}: ${share(entry)}, limit ${percent(MAX_PACKAGE_SHARE)}`);
  }
  if (marked > texts * MAX_SHARE) problems.push(`overall: ${percent(marked / texts)}, limit ${percent(MAX_SHARE)}`);
  return problems;
}

function packageOf(file) {
  if (file.endsWith(".md")) return "docs";
  return /^(?:packages|apps|testing)\/([^/]+)\//.exec(file)?.[1] ?? /^(bench|scripts)\//.exec(file)?.[1] ?? "root";
}

function isProse(text) {
  return text.length >= MIN_LENGTH && text.split(" ").length >= MIN_WORDS;
}

function tidy(text) {
  return text.replaceAll(/\s+/g, " ").trim();
}

const percent = (part) => `${(part * 100).toFixed(1)} %`;
const share = ({ texts, marked }) => `${percent(marked.length / texts)} (${marked.length} of ${texts})`;

function trackedFiles() {
  const listed = execFileSync("git", ["ls-files"], { cwd: repository, encoding: "utf8" }).split("\n");
  return listed.filter(
    (file) => /\.(?:ts|mts|mjs|md)$/.test(file) && !/(?:^|\/)gen\//.test(file) && !/prose-markers|prose\.test|CHANGELOG/.test(file),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const packages = measure(trackedFiles());
  const listed = process.argv[2] === "--list" ? process.argv[3] : undefined;
  if (listed === undefined) {
    const rows = [...packages].toSorted(([, a], [, b]) => b.marked.length / b.texts - a.marked.length / a.texts);
    for (const [name, entry] of rows) console.log(`${name.padEnd(24)} ${share(entry)}`);
    const problems = problemsOf(packages);
    for (const problem of problems) console.log(problem);
    if (problems.length > 0) console.log("npm run prose -- --list <package> shows the places.");
    process.exitCode = problems.length === 0 ? 0 : 1;
  } else {
    for (const { file, line, text, markers } of packages.get(listed)?.marked ?? []) {
      console.log(`${file}:${line}: ${text.slice(0, 160)}\n    ${markers.map((name) => `${name}: ${MARKERS[name].remedy}`).join("; ")}`);
    }
  }
}
