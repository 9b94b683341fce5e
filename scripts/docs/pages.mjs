// The pages of the site from the Markdown files of the repository: `docs` is the root of the site, the READMEs and the root's documents are
// beside it. Links between files become links between pages; links to other files lead to the repository on the web.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { repository } from "../lib/workspace.mjs";
import { outsideCode } from "./markdown.mjs";

const LINK = /(!?)\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g;
const ABSOLUTE = /^(?:[a-z][a-z\d+.-]*:|\/)/i;
/** Texts for coding agents and for releases, and API reports: not for readers of the site. */
const LEFT_OUT = /(?:^|\/)(?:skills|\.changeset|test|api)\/|CHANGELOG\.md$|^testing\//;

/** Address of the repository, as the manifests of the packages have it. */
function repositoryUrl() {
  const { repository: found } = JSON.parse(readFileSync(join(repository, "packages/core/package.json"), "utf8"));
  return found.url.replace(/^git\+/, "").replace(/\.git$/, "");
}

/** The path of the page of a Markdown file of the repository, or undefined if it has none. */
export function pagePathOf(file) {
  if (LEFT_OUT.test(file) || !file.endsWith(".md")) return undefined;
  if (file.startsWith("docs/")) return file.slice("docs/".length).replace(/(^|\/)README\.md$/, "$1index.md");
  if (!file.includes("/")) return `project/${file.toLowerCase()}`;
  return file.replace(/(^|\/)README\.md$/, "$1index.md");
}

/** All pages of the repository: `{ path, source, text }`, where `text` has links between pages. */
export function repositoryPages() {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
    cwd: repository,
    encoding: "utf8",
  });
  return listed
    .split("\n")
    .filter((source) => pagePathOf(source) !== undefined && existsSync(join(repository, source)))
    .map((source) => readPage(source));
}

/** The page of one file. Throws if the file has none. */
function readPage(source) {
  const text = readFileSync(join(repository, source), "utf8");
  return { path: pagePathOf(source), source, text: withPageLinks(text, source) };
}

/** A document with its relative links replaced: by those of pages, or by addresses in the repository. */
export function withPageLinks(text, source, root = repository) {
  const visible = outsideComments(text);
  // A link's text may contain code, so only blocks are left out.
  const parts = visible.split(/(^\s*`{3,}[\s\S]*?^\s*`{3,}\s*$)/m);
  return parts
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(LINK, (...found) => replaceLink(found, source, root))))
    .join("");
}

function replaceLink([whole, image, label, link], source, root) {
  if (ABSOLUTE.test(link) || link.startsWith("#")) return whole;
  const [target, fragment] = link.split("#");
  const file = normalize(join(dirname(source), target)).replace(/\/$/, "");
  if (image === "!" || /\.(?:svg|png)$/.test(file)) {
    return file.startsWith("docs/") ? `${image}[${label}](/${file.slice("docs/".length)})` : whole;
  }
  const isFolder = existsSync(join(root, file)) && statSync(join(root, file)).isDirectory();
  const document = isFolder ? `${file}/README.md` : file;
  const page = existsSync(join(root, document)) ? pagePathOf(document) : undefined;
  const end = fragment === undefined ? "" : `#${fragment}`;
  if (page !== undefined) return `[${label}](/${page}${end})`;
  return `[${label}](${repositoryUrl()}/${isFolder ? "tree" : "blob"}/main/${file}${end})`;
}

/** Without the comments that mark generated tables. */
function outsideComments(text) {
  return outsideCode(text, (part) => part.replaceAll(/<!--[\s\S]*?-->\n*/g, ""));
}
