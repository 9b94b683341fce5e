// Checks that the relative links of the documents lead to files of this repository, and their fragments to headings.
// Run: npm run docs:links
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";
import { repository } from "./lib/workspace.mjs";

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;
const ABSOLUTE = /^[a-z][a-z\d+.-]*:/i;

/** Removes code, where brackets are not links and `#` is not a heading. */
function withoutBlocks(markdown) {
  return markdown.replaceAll(/^\s*(`{3,})[\s\S]*?^\s*\1\s*$/gm, (block) => block.replaceAll(/[^\n]/g, ""));
}

/** The fragments of the headings of a Markdown text, as GitHub makes them. */
export function fragmentsOf(markdown) {
  const fragments = new Set();
  const counts = new Map();
  for (const [, heading] of withoutBlocks(markdown).matchAll(/^#{1,6} (.+)$/gm)) {
    const text = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .trim()
      .toLowerCase();
    const slug = text.replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replaceAll(" ", "-");
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    fragments.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return fragments;
}

/** The links of a document that lead nowhere: `{ line, link }`. `path` is relative to `root`. */
export function brokenLinks(path, root = repository) {
  const markdown = readFileSync(join(root, path), "utf8");
  const broken = [];
  for (const [index, line] of withoutBlocks(markdown).split("\n").entries()) {
    for (const [, link] of line.replaceAll(/`[^`]*`/g, "code").matchAll(LINK)) {
      if (!ABSOLUTE.test(link) && !resolves(link, path, root)) broken.push({ line: index + 1, link });
    }
  }
  return broken;
}

function resolves(link, from, root) {
  const [target, fragment] = link.split("#");
  const path = target === "" ? from : normalize(join(dirname(from), target));
  const file = join(root, path);
  if (!existsSync(file)) return false;
  if (fragment === undefined) return true;
  const document = statSync(file).isDirectory() ? join(file, "README.md") : file;
  return existsSync(document) && fragmentsOf(readFileSync(document, "utf8")).has(fragment);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const list = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
    cwd: repository,
    encoding: "utf8",
  });
  const documents = list.split("\n").filter((path) => path !== "" && existsSync(join(repository, path)));
  const broken = documents.flatMap((path) => brokenLinks(path).map(({ line, link }) => `${path}:${line}: ${link}`));
  console.log(broken.length === 0 ? `The links of ${documents.length} documents resolve.` : `Broken links:\n${broken.join("\n")}`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}
