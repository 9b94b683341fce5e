// Errors by code: cause from the tables in the docstrings (`npm run docs:errors` copies the same ones into READMEs), remedy from remedies.json.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { errorTable } from "../error-codes.mjs";
import { display, filesBelow, members, repository } from "../lib/workspace.mjs";

const REMEDIES = fileURLToPath(new URL("remedies.json", import.meta.url));

/** Tables of codes that no caller gets: exit codes, and codes between the parts of one server. */
const INTERNAL = new Set([
  "packages/cli/src/cli-error.ts",
  "packages/layr8-node/src/federation/outbound/outbound.ts",
  "packages/skytale-server/src/registry/registry-error.ts",
]);

/**
 * The pages, as `[path, text]`. Throws if a code has no remedy, or a remedy no code. `remedies.json` has an object per page: its title, what a
 * reader finds there, and `sources`, where each file with a table of codes has a remedy per code.
 */
export async function errorPages() {
  const groups = JSON.parse(readFileSync(REMEDIES, "utf8"));
  const listed = new Set(Object.values(groups).flatMap(({ sources }) => Object.keys(sources)));
  const problems = tablesOfCodes()
    .filter((source) => !listed.has(source) && !INTERNAL.has(source))
    .map((source) => `${source} is missing`);
  const pages = [];
  const places = new Map();
  for (const [name, { title, about, sources }] of Object.entries(groups)) {
    const path = `errors/${name}.md`;
    const parts = [`# ${title}`, about];
    for (const [source, remedies] of Object.entries(sources)) {
      const { heading, rows } = readCodes(source);
      problems.push(...difference(source, rows, remedies));
      parts.push(`## ${heading}`, table(rows, remedies));
      for (const { code } of rows) addPlace(places, code, `[${heading}](/${path}#${heading.toLowerCase()})`);
    }
    pages.push([path, `${parts.join("\n\n")}\n`]);
  }
  if (problems.length > 0) throw new Error(`scripts/docs/remedies.json: ${problems.join("; ")}`);
  const reports = await problemCodePage();
  for (const code of reports.codes) addPlace(places, code, "[problem reports](/errors/problem-reports.md)");
  pages.push(["errors/problem-reports.md", reports.text], ["errors/index.md", indexPage(groups, places)]);
  return pages;
}

/** The source files with a table of codes. */
function tablesOfCodes() {
  return members()
    .filter(({ group }) => group === "packages")
    .flatMap(({ dir }) => filesBelow(join(dir, "src"), /\.ts$/))
    .filter((path) => readFileSync(path, "utf8").includes("* | code |"))
    .map((path) => display(path));
}

function addPlace(places, code, link) {
  places.set(code, [...(places.get(code) ?? []), link]);
}

/** The codes of a source file: `{ heading, rows: [{ code, meaning, retryable, status }] }`. */
function readCodes(source) {
  const [head, , ...lines] = errorTable(join(repository, source)).trim().split("\n").map(cells);
  const rows = lines.flatMap((values) => {
    const row = Object.fromEntries(head.map((name, index) => [name, values[index] ?? ""]));
    return Array.from(row.code.matchAll(/`([^`]+)`/g), ([, code]) => ({ ...row, code }));
  });
  const text = readFileSync(join(repository, source), "utf8");
  const [, heading] = /export class (\w*Error)\b/.exec(text) ?? /export type (\w+)/.exec(text) ?? [undefined, source];
  return { heading, rows };
}

const cells = (line) =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());

function difference(source, rows, remedies) {
  const codes = new Set(rows.map(({ code }) => code));
  const missing = [...codes].filter((code) => remedies[code] === undefined).map((code) => `${source}: ${code} has no remedy`);
  const unknown = Object.keys(remedies)
    .filter((code) => !codes.has(code))
    .map((code) => `${source}: ${code} does not exist`);
  return [...missing, ...unknown];
}

function table(rows, remedies) {
  const extra = ["HTTP", "retryable"].filter((name) => rows.some((row) => row[name]));
  const head = ["code", ...extra, "cause", "remedy"];
  const lines = rows.map((row) => [`\`${row.code}\``, ...extra.map((name) => row[name]), plain(row.meaning), remedies[row.code]]);
  return [head, head.map(() => "---"), ...lines].map((values) => `| ${values.join(" | ")} |`).join("\n");
}

const plain = (text = "") => text.replaceAll(/\{@link (\w+)\}/g, "`$1`");

async function problemCodePage() {
  const { PROBLEM_CODES } = await import(pathToFileURL(join(repository, "packages/admin/dist/index.js")).href);
  const rows = Object.entries(PROBLEM_CODES).map(
    ([code, { meaning, cause, remedy }]) =>
      `| \`${code}\` | ${meaning}. ${cause} | ${remedy.replaceAll("`Would it pass?`", "*Would it pass?*")} |`,
  );
  const text = [
    "# Problem reports and rejections",
    "Find out why a message did not reach its handler. These are the codes of DIDComm problem reports, and the words under which the servers count and show rejections. The [console](/guides/console.md) shows the same texts under *Problems*.",
    ["| code | cause | remedy |", "| --- | --- | --- |", ...rows].join("\n"),
    "",
  ].join("\n\n");
  return { text, codes: Object.keys(PROBLEM_CODES) };
}

function indexPage(groups, places) {
  const codes = [...places].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    "# Errors by code",
    "Look up a code: its page has the cause and the remedy. A code is a contract and does not change; the text beside it may.",
    "Every thrown error of Parley has `code` and `retryable`. If `retryable` is true, the same call can succeed later; repeat it with the same `id`, after a pause. A wrong argument is a `TypeError`. Its message names the argument and the valid values.",
    [
      ...Object.entries(groups).map(([name, { title, about }]) => `- [${title}](/errors/${name}.md): ${about}`),
      "- [Problem reports and rejections](/errors/problem-reports.md): why a message did not reach its handler.",
    ].join("\n"),
    "## All codes",
    ["| code | errors |", "| --- | --- |", ...codes.map(([code, links]) => `| \`${code}\` | ${links.join(", ")} |`)].join("\n"),
    "",
  ].join("\n\n");
}
