// Checks that the relative links of the documents lead to files of this repository, and their fragments to headings.
// Run: npm run docs:links
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";
import { fragmentsOf, withoutBlocks } from "./docs/markdown.mjs";
import { repository } from "./lib/workspace.mjs";

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;
const ABSOLUTE = /^[a-z][a-z\d+.-]*:/i;

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
