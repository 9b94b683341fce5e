// Copies the tables of error codes from docstrings into READMEs and the pages in docs, so that each is written once.
// Run: npm run docs:errors (writes), or node scripts/error-codes.mjs --check (as the gate does)
//
// A document marks the place with two comments, `error-codes src/vc-error.ts` and `/error-codes`. The table comes from the docstring in that
// file whose first row is `| code |`. Its codes must be those of the type that the docstring describes.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseSource, walk } from "./lib/source.mjs";
import { display, filesBelow, members, repository } from "./lib/workspace.mjs";

const PLACE = /(<!-- error-codes (\S+) -->\n)([\s\S]*?)(<!-- \/error-codes -->)/g;

/** The table of error codes in a source file, one row per line. Throws if its codes differ from those of the type. */
export function errorTable(path) {
  const { program, comments } = parseSource(path);
  const comment = comments.find(({ type, value }) => type === "Block" && value.includes("| code |"));
  if (comment === undefined) throw new Error(`${path} has no docstring with a table of error codes`);
  const rows = comment.value
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trim())
    .filter((line) => line.startsWith("|"));
  const documented = rows.slice(2).flatMap((row) => Array.from((row.split("|")[1] ?? "").matchAll(/`([a-z_]+)`/g), ([, code]) => code));
  const declared = declaredCodes(program.body.find(({ start }) => start > comment.end));
  const missing = declared.filter((code) => !documented.includes(code)).map((code) => `${code} is not documented`);
  const unknown = documented.filter((code) => !declared.includes(code)).map((code) => `${code} is documented, but does not exist`);
  if (missing.length + unknown.length > 0) throw new Error(`${display(path)}: ${[...missing, ...unknown].join("; ")}`);
  return `${rows.join("\n")}\n`;
}

function declaredCodes(statement) {
  const codes = [];
  walk(statement, (node) => {
    if (node.type === "Literal" && typeof node.value === "string") codes.push(node.value);
  });
  return codes;
}

/** A README with its tables of error codes filled in. `directory` is where the paths that it names start. */
export function withErrorTables(readme, directory) {
  return readme.replaceAll(PLACE, (_, open, source, current, close) => {
    const table = errorTable(join(directory, source));
    return `${open}\n${isSameTable(current, table) ? current.trim() : table.trim()}\n\n${close}`;
  });
}

/** Whether two tables differ in white space only: the formatter aligns columns. */
function isSameTable(one, other) {
  const normal = (table) => table.trim().replaceAll(/ +/g, " ").replaceAll(/-+/g, "-");
  return normal(one) === normal(other);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const isCheck = process.argv.includes("--check");
  const outdated = [];
  const readmes = members(repository).map(({ dir }) => join(dir, "README.md"));
  for (const path of [...readmes.filter(existsSync), ...filesBelow(join(repository, "docs"), /\.md$/)]) {
    const readme = readFileSync(path, "utf8");
    const updated = withErrorTables(readme, dirname(path));
    if (updated === readme) continue;
    outdated.push(display(path));
    if (!isCheck) writeFileSync(path, updated);
  }
  for (const path of outdated)
    console.log(isCheck ? `${path}: its error codes differ from the source. Run: npm run docs:errors` : `updated ${path}`);
  if (outdated.length === 0) console.log("The documents have the error codes of the sources.");
  process.exitCode = isCheck && outdated.length > 0 ? 1 : 0;
}
