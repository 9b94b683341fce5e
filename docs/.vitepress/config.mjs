// VitePress, on the pages that `scripts/docs.mjs` writes to `.cache/docs/pages`.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";
import { slugOf, withoutBlocks } from "../../scripts/docs/markdown.mjs";
import { SIDEBAR } from "./sidebar.mjs";

const CACHE = fileURLToPath(new URL("../../.cache/docs", import.meta.url));
const { api, titles } = JSON.parse(readFileSync(`${CACHE}/site.json`, "utf8"));

const base = process.env.PARLEY_DOCS_BASE ?? "/";

const linkOf = (path) => `/${path.replace(/(^|\/)index\.md$/, "$1").replace(/\.md$/, "")}`;

const sidebar = SIDEBAR.map(({ text, items }) => ({
  text,
  items: items.flatMap((path) => {
    const entry = { text: titles[path].replaceAll("`", ""), link: linkOf(path) };
    return path === "reference/api/index.md"
      ? [{ ...entry, collapsed: true, items: api.map(({ text: name, link }) => ({ text: name, link: linkOf(link.slice(1)) })) }]
      : [entry];
  }),
}));

/** What the search finds of a page: its text without code blocks, which take most of the time of a build to highlight. */
function textForSearch(markdown, env, md) {
  return md.render(withoutBlocks(markdown), env);
}

/**
 * How the search splits texts: at white space and punctuation, and codes such as `join_timeout` and `e.p.msg.expired` also stay whole. Their parts are words of
 * many pages, the whole is on few. Runs in browsers too, so it uses nothing from outside.
 */
function tokenize(text) {
  const words = text.split(/[\n\r\p{Z}\p{P}]+/u);
  const codes = text.match(/[\p{L}\p{N}]+(?:[._][\p{L}\p{N}-]+)+/gu) ?? [];
  return [...words, ...codes];
}

/** Pages about errors come first for a code. */
function boostDocument(id, term) {
  return /[._]/.test(term) && id.includes("errors/") ? 4 : 1;
}

export default defineConfig({
  title: "Parley",
  description: "Messaging for AI agents: DIDComm between nodes, and channels that are encrypted end to end.",
  lang: "en",
  base,
  srcDir: `${CACHE}/pages`,
  outDir: `${CACHE}/site`,
  cacheDir: `${CACHE}/vite`,
  lastUpdated: false,
  head: [["link", { rel: "alternate", type: "text/plain", href: `${base}llms.txt`, title: "Pages for language models" }]],
  markdown: {
    // Angle brackets in prose are text, never elements.
    html: false,
    anchor: { slugify: slugOf },
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    config(md) {
      // Wide tables and code scroll; keyboards reach them.
      const open = md.renderer.rules.table_open ?? ((tokens, index, options, _env, self) => self.renderToken(tokens, index, options));
      md.renderer.rules.table_open = (...args) => `<div class="table" tabindex="0" role="group" aria-label="Table">${open(...args)}`;
      md.renderer.rules.table_close = () => "</table></div>\n";
    },
  },
  themeConfig: {
    nav: [
      { text: "Start", link: "/start" },
      { text: "Concepts", link: "/concepts/dids", activeMatch: "/concepts/" },
      { text: "Guides", link: "/guides/agents", activeMatch: "/guides/" },
      { text: "Errors", link: "/errors/", activeMatch: "/errors/" },
      { text: "Reference", link: "/reference/api/", activeMatch: "/reference/" },
    ],
    sidebar,
    outline: { level: [2, 3], label: "On this page" },
    search: {
      provider: "local",
      options: { detailedView: false, _render: textForSearch, miniSearch: { options: { tokenize }, searchOptions: { boostDocument } } },
    },
    docFooter: { prev: "Previous", next: "Next" },
  },
});
