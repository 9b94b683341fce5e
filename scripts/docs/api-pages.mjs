// Pages of the API, one per entry point, from the models of API Extractor.
import { anchorOf } from "./api-model.mjs";
import { cellOf, markdownOf, readDocstring } from "./docstrings.mjs";

const KINDS = {
  Class: "class",
  Interface: "interface",
  TypeAlias: "type",
  Function: "function",
  Variable: "constant",
  Enum: "enum",
  Namespace: "namespace",
};
const ORDER = ["Function", "Class", "Variable", "Interface", "TypeAlias", "Enum", "Namespace"];

/** The text that API Extractor adds to constructors without a docstring. */
const NO_TEXT = /^Constructs a new instance of/;

/** The page of an entry point. `places` are those of all declarations, from `apiPlaces`. */
export function apiPage({ folder, specifier, items, imports, reexports }, places) {
  const parts = [
    `# ${specifier}`,
    `The exports of \`${specifier}\`, from the declarations of the build. The [package's page](/packages/${folder}/index.md) has a program and the guarantees.`,
    contents(items),
    ...sorted(items).flatMap((group) => declaration(group, imports, places)),
    reexportTable(reexports, places),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** The index of all entry points. */
export function apiIndex(entries) {
  const rows = entries.map(({ specifier, page, items, reexports }) => {
    const first = sorted(items)
      .slice(0, 4)
      .map(([{ name }]) => `\`${name}\``);
    const shown = first.length > 0 ? first : reexports.slice(0, 4).map(({ name }) => `\`${name}\``);
    return `| [${specifier}](/${page}) | ${items.length + reexports.length} | ${shown.join(", ")} |`;
  });
  return [
    "# API reference",
    "Every export of every public entry point, generated from the declarations of the build. Internal entry points are left out.",
    ["| entry point | exports | such as |", "| --- | ---: | --- |", ...rows].join("\n"),
    "",
  ].join("\n\n");
}

/** Declarations by kind and name; overloads of one function together. */
function sorted(items) {
  const groups = new Map();
  for (const item of items) groups.set(`${item.kind} ${item.name}`, [...(groups.get(`${item.kind} ${item.name}`) ?? []), item]);
  const rank = ([{ kind }]) => ORDER.indexOf(kind);
  return [...groups.values()].toSorted((a, b) => rank(a) - rank(b) || (a[0].name < b[0].name ? -1 : 1));
}

function contents(items) {
  const lines = ORDER.flatMap((kind) => {
    const names = sorted(items.filter((item) => item.kind === kind)).map(([{ name, anchor }]) => `[${name}](#${anchor})`);
    return names.length === 0 ? [] : [`- ${KINDS[kind]}: ${names.join(", ")}`];
  });
  return lines.join("\n");
}

function declaration(overloads, imports, places) {
  const [{ name, kind, anchor, members = [] }] = overloads;
  const parts = [`## ${name} {#${anchor}}`, `*${KINDS[kind]}*`, inherited(overloads[0], imports, places)];
  for (const item of overloads) parts.push(code(item), described(item));
  const shown = members.filter(({ docComment, kind: inner }) => docComment !== "" || inner !== "Constructor");
  const isProperty = ({ kind: inner }) => /^Property|^EnumMember/.test(inner);
  parts.push(propertyTable(shown.filter(isProperty)));
  const methods = new Map();
  for (const member of shown.filter((one) => !isProperty(one))) {
    const key = `${member.kind} ${member.name ?? ""}`;
    methods.set(key, [...(methods.get(key) ?? []), member]);
  }
  for (const group of methods.values()) parts.push(...method(name, group));
  return parts;
}

/** A sentence about the class that a class extends, if it is one of this API. */
function inherited({ excerptTokens, extendsTokenRange: range }, imports, places) {
  if (range === undefined) return "";
  const base = excerptTokens.slice(range.startIndex, range.endIndex).find(({ canonicalReference }) => canonicalReference !== undefined);
  const [, specifier, local, name] = /^(.+)!(~?)(.+?):/.exec(base?.canonicalReference ?? "") ?? [];
  const place = places.get(local === "~" ? `${imports.get(`${name}_2`)?.from}!${name}` : `${specifier}!${name}`);
  return place === undefined ? "" : `Also has the members of [\`${base.text}\`](${place}).`;
}

function method(owner, overloads) {
  const [{ kind, name = "", isStatic }] = overloads;
  const title =
    kind === "Constructor" ? `new ${owner}()` : kind === "CallSignature" ? `${owner}()` : `${isStatic ? "static " : ""}${name}()`;
  const anchor = anchorOf(owner, kind === "Constructor" ? "constructor" : kind === "CallSignature" ? "call" : name);
  return [`### ${title} {#${anchor}}`, ...overloads.flatMap((item) => [code(item), described(item)])];
}

function propertyTable(properties) {
  if (properties.length === 0) return "";
  const rows = properties.map((property) => {
    const { name, isStatic, isOptional, docComment } = property;
    const { text } = readDocstring(docComment);
    const title = `${isStatic ? "static " : ""}${name}${isOptional ? "?" : ""}`;
    return `| \`${title}\` | ${typeCell(property)} | ${cellOf(withoutBlocks(text))} |`;
  });
  return ["| member | type | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}

/** The type of a property, in code. */
function typeCell({ kind, excerptTokens, propertyTypeTokenRange: range }) {
  if (kind === "EnumMember" || range === undefined) return "";
  const text = excerptTokens.slice(range.startIndex, range.endIndex).map((token) => token.text);
  return `\`${text.join("").replaceAll(/\s+/g, " ").replaceAll("|", "\\|").trim()}\``;
}

/** A table's cell has no room for an example. */
function withoutBlocks(text) {
  return text.replaceAll(/```[\s\S]*?```/g, "").trim();
}

/** A declaration, without colours: most of the code of the site, and colours would take half of the build's time. */
function code({ excerptTokens }) {
  const text = excerptTokens.map((token) => token.text).join("");
  return `\`\`\`text\n${text.replace(/^export (?:declare )?/, "").trim()}\n\`\`\``;
}

function described({ docComment }) {
  const { text, params, returns, throws, examples } = readDocstring(docComment);
  const parts = [NO_TEXT.test(text) ? "" : markdownOf(text)];
  if (params.length > 0) parts.push(params.map(([name, meaning]) => `- \`${name}\`: ${markdownOf(meaning)}`).join("\n"));
  if (returns !== "") parts.push(`Returns ${markdownOf(returns)}`);
  for (const thrown of throws) parts.push(`Throws ${markdownOf(thrown)}`);
  parts.push(...examples);
  return parts.filter((part) => part !== "").join("\n\n");
}

function reexportTable(reexports, places) {
  if (reexports.length === 0) return "";
  const rows = reexports.map(({ name, from }) => {
    const place = places.get(`${from}!${name}`);
    return `| ${place === undefined ? `\`${name}\`` : `[\`${name}\`](${place})`} | \`${from}\` |`;
  });
  return ["## Exports of other packages", ["| name | declared in |", "| --- | --- |", ...rows].join("\n")].join("\n\n");
}
