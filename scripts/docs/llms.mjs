// Texts for language models: `llms.txt` lists the pages (https://llmstxt.org), `llms-full.txt` has those that people wrote.
import { summaryOf, titleOf } from "./markdown.mjs";

/** Both texts. `groups` is the sidebar; the pages that it doesn't name follow under "Optional". */
export function llmsTexts(pages, groups) {
  const byPath = new Map(pages.map((page) => [page.path, page]));
  const named = new Set(groups.flatMap(({ items }) => items).filter((path) => byPath.has(path)));
  const rest = pages.map(({ path }) => path).filter((path) => !named.has(path));
  const home = byPath.get("index.md");
  const sections = [...groups, { text: "Optional", items: rest }].map(
    ({ text, items }) =>
      `## ${text}\n\n${items
        .filter((path) => byPath.has(path))
        .map((path) => entry(byPath.get(path)))
        .join("\n")}`,
  );
  const index = [`# ${titleOf(home.text)}`, `> ${summaryOf(home.text)}`, ...sections].join("\n\n");
  const written = [...named].map((path) => byPath.get(path)).filter(({ source }) => source !== undefined);
  return { "llms.txt": `${index}\n`, "llms-full.txt": written.map(({ path, text }) => `<!-- /${path} -->\n\n${text.trim()}\n`).join("\n") };
}

function entry({ path, text }) {
  return `- [${titleOf(text)}](/${path}): ${summaryOf(text)}`;
}
