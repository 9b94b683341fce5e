// The sources of the site: written pages with links between pages, and generated pages. Problems are returned as text.
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { SIDEBAR } from "../../docs/.vitepress/sidebar.mjs";
import { entryPoints, filesBelow, members, repository } from "../lib/workspace.mjs";
import { apiNames, apiPlaces, readApi } from "./api-model.mjs";
import { unknownNames, withNameLinks } from "./api-names.mjs";
import { apiIndex, apiPage } from "./api-pages.mjs";
import { commandPage } from "./command-page.mjs";
import { errorPages } from "./error-pages.mjs";
import { llmsTexts } from "./llms.mjs";
import { fragmentsOf, withoutBlocks } from "./markdown.mjs";
import { repositoryPages } from "./pages.mjs";
import { relayPage } from "./relay-page.mjs";
import { restPages } from "./rest-pages.mjs";

/** All pages of the site, `[{ path, source?, text }]`, and their problems. */
export async function collectPages() {
  const entries = readApi();
  const commands = await commandPage();
  const known = { names: apiNames(entries), commands: commandTitles(commands), packages: packageNames() };
  const generated = [
    ...entries.map((entry) => [entry.page, apiPage(entry, apiPlaces(entries))]),
    ["reference/api/index.md", apiIndex(entries)],
    ["reference/commands.md", commands],
    ["reference/relay-grpc.md", relayPage()],
    ...(await restPages()),
    ...(await errorPages()),
  ].map(([path, text]) => ({ path, text }));
  const written = repositoryPages();
  const problems = written.filter(({ source }) => isChecked(source)).flatMap(({ source, text }) => unknownNamesOf(source, text, known));
  const pages = [...written, ...generated].map((page) => ({ ...page, text: withNameLinks(page.text, page.path, known) }));
  problems.push(...brokenPageLinks(pages), ...sidebarProblems(pages));
  return { pages, problems, entries };
}

/** Names are checked in the documents for users; those for contributors name what is not exported, too. */
function isChecked(source) {
  return source.startsWith("docs/");
}

function unknownNamesOf(source, text, known) {
  return unknownNames(text, known).map(({ name, reason }) => `${source}: \`${name}\`: ${reason}`);
}

function commandTitles(page) {
  return Array.from(page.matchAll(/^## (parley .+) \{#/gm), ([, title]) => title).toSorted((a, b) => b.length - a.length);
}

function packageNames() {
  return new Set(
    members().flatMap((member) => [member.manifest.name, ...entryPoints(member).map(({ name }) => `${member.manifest.name}/${name}`)]),
  );
}

/** Links between pages that lead to no page or heading. */
export function brokenPageLinks(pages) {
  const fragments = new Map(pages.map(({ path, text }) => [path, fragmentsOf(text)]));
  return pages.flatMap(({ path, source, text }) =>
    Array.from(withoutBlocks(text).matchAll(/(?<!!)\]\((?:\/([^)\s#]+))?(?:#([^)\s]+))?\)/g)).flatMap(([, target = path, fragment]) => {
      if (!target.endsWith(".md")) return [];
      const found = fragments.get(target);
      if (found === undefined) return [`${source ?? path}: no page /${target}`];
      return fragment === undefined || found.has(fragment) ? [] : [`${source ?? path}: no heading #${fragment} in /${target}`];
    }),
  );
}

/** Pages of the sidebar that don't exist, and pages of `docs` that it doesn't have. */
function sidebarProblems(pages) {
  const listed = new Set(SIDEBAR.flatMap(({ items }) => items));
  const paths = new Set(pages.map(({ path }) => path));
  const missing = [...listed].filter((path) => !paths.has(path)).map((path) => `docs/.vitepress/sidebar.mjs: no page ${path}`);
  const left = pages
    .filter(({ path, source }) => source?.startsWith("docs/") && !listed.has(path))
    .map(({ source }) => `docs/.vitepress/sidebar.mjs: ${source} is missing`);
  return [...missing, ...left];
}

/** Writes the pages, pictures and texts for VitePress to a folder, and beside it `site.json`, from which its sidebar is made. */
export function writePages({ pages, entries }, folder) {
  const write = (path, text) => {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  };
  rmSync(folder, { recursive: true, force: true });
  for (const { path, text } of pages) write(path, text);
  for (const file of filesBelow(join(repository, "docs"), /\.(?:svg|png)$/)) {
    const target = join(folder, "public", relative(join(repository, "docs"), file));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(file, target);
  }
  for (const [name, text] of Object.entries(llmsTexts(pages, SIDEBAR))) write(`public/${name}`, text);
  const api = entries.map(({ specifier, page }) => ({ text: specifier, link: `/${page}` }));
  const titles = Object.fromEntries(pages.map(({ path, text }) => [path, /^# (.+)$/m.exec(text)?.[1] ?? path]));
  write("../site.json", JSON.stringify({ api, titles }));
}
