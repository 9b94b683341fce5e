// Reads Markdown by lines, for what the checks and the site need: what is code, headings and links.

/** Blanks the lines of fenced code, so that lines keep their numbers. */
export function withoutBlocks(markdown) {
  return markdown.replaceAll(/^\s*(`{3,})[\s\S]*?^\s*\1\s*$/gm, (block) => block.replaceAll(/[^\n]/g, ""));
}

/** The fragment of a heading's text, as GitHub makes it. The site uses the same. */
export function slugOf(heading) {
  const text = heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .trim()
    .toLowerCase();
  return text.replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replaceAll(" ", "-");
}

/** The fragments of the headings of a Markdown text. A heading of a generated page may end with its own: `{#name}`. */
export function fragmentsOf(markdown) {
  const fragments = new Set();
  const counts = new Map();
  for (const [, heading] of withoutBlocks(markdown).matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = / \{#([^}]+)\}$/.exec(heading)?.[1] ?? slugOf(heading);
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    fragments.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return fragments;
}

/** Changes the text between code: `change(text)` gets every stretch without fenced blocks and code spans. */
export function outsideCode(markdown, change) {
  return mapParts(markdown, (part, isCode) => (isCode ? part : change(part)));
}

/** Changes every code span of the text: `change(content, line)` returns its replacement. Fenced blocks and headings stay. */
export function codeSpans(markdown, change) {
  let offset = 0;
  return mapParts(markdown, (part, isCode) => {
    const start = offset;
    offset += part.length;
    const span = /^`([^`\n]+)`$/.exec(part);
    if (!isCode || span === null) return part;
    const lineStart = markdown.lastIndexOf("\n", start) + 1;
    if (/^#{1,6} /.test(markdown.slice(lineStart, start + 1))) return part;
    return change(span[1], markdown.slice(0, start).split("\n").length, markdown.slice(lineStart, start));
  });
}

function mapParts(markdown, map) {
  const code = /^[^\S\n]*(`{3,})[\s\S]*?^[^\S\n]*\1[^\S\n]*$|(`+)(?:(?!\2)[^\n]|(?<=`)`)*?\2/gm;
  let [result, end] = ["", 0];
  for (const found of markdown.matchAll(code)) {
    result += map(markdown.slice(end, found.index), false) + map(found[0], true);
    end = found.index + found[0].length;
  }
  return result + map(markdown.slice(end), false);
}

/** The title of a page: its first heading, without code marks and links. */
export function titleOf(markdown) {
  const heading = /^# (.+)$/m.exec(markdown)?.[1] ?? "";
  return heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "");
}

/** The first paragraph after the title, on one line and without links. */
export function summaryOf(markdown) {
  const body = markdown.replace(/^[\s\S]*?^# .+$/m, "");
  const paragraph = body.split(/\n\s*\n/).find((text) => /^[A-Z`*[]/.test(text.trim()) && !text.trim().startsWith("```")) ?? "";
  return paragraph
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/\s+/g, " ")
    .trim();
}
