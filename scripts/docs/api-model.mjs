// The public API, as API Extractor describes it: `npm run api` writes one model per entry point to `.cache/api-model`, in the same pass as the
// API reports.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { entryPoints, members, repository } from "../lib/workspace.mjs";

/** Folder of the models. */
const API_MODEL = join(repository, ".cache", "api-model");

/** Entry points for this repository's own packages only. */
const OWN_USE = new Set(["internal", "eager", "lazily", "testing", "options"]);

/** The file of the model of an entry point. */
export function modelFile(folder, name) {
  return join(API_MODEL, folder, `${name}.api.json`);
}

/**
 * The entry points that applications use: `{ folder, specifier, page, items, reexports }`. `items` are API Extractor's declarations,
 * `reexports` names that the entry point passes on, with the package that declares them.
 */
export function readApi() {
  return members()
    .filter(({ group }) => group === "packages")
    .flatMap((member) =>
      entryPoints(member)
        .filter(({ name }) => !OWN_USE.has(name))
        .map(({ name }) => readEntry(member, name)),
    );
}

function readEntry({ folder, dir, manifest }, name) {
  const file = modelFile(folder, name);
  if (!existsSync(file)) throw new Error(`${file} is missing. Run: npm run build && npm run api`);
  const model = JSON.parse(readFileSync(file, "utf8"));
  const items = withAnchors(model.members.flatMap((entry) => entry.members));
  const specifier = name === "index" ? manifest.name : `${manifest.name}/${name}`;
  const report = readFileSync(join(dir, "api", `${name}.api.md`), "utf8");
  const page = `reference/api/${folder}${name === "index" ? "" : `-${name}`}.md`;
  const imports = importsOf(report);
  return { folder, specifier, page, items, imports, reexports: reexportsOf(report, imports) };
}

/** Declarations with the fragments of their headings. If two differ in kind or in case only, the second has its kind in the fragment. */
function withAnchors(items) {
  const owners = new Map();
  return items.map((item) => {
    const [key, anchor] = [`${item.kind} ${item.name}`, anchorOf(item.name)];
    if (!owners.has(anchor)) owners.set(anchor, key);
    return { ...item, anchor: owners.get(anchor) === key ? anchor : `${anchor}-${item.kind.toLowerCase()}` };
  });
}

/** What a report imports from other packages: a map from the name that it uses to `{ name, from }`. */
function importsOf(report) {
  const imports = new Map();
  for (const [, name, alias = name, from] of report.matchAll(/^import (?:type )?\{ (\S+?)(?: as (\S+))? \} from '([^']+)';$/gm))
    imports.set(alias, { name, from });
  return imports;
}

/** Imported names that a report exports again: `[{ name, from }]`. */
function reexportsOf(report, imports) {
  return Array.from(report.matchAll(/^export \{ (\S+) \}$/gm), ([, name]) => ({ name, from: imports.get(name)?.from }))
    .filter(({ from }) => from !== undefined)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The fragment of a declaration, or of a member of it, on its page. */
export function anchorOf(name, member) {
  const text = member === undefined ? name : `${name}-${member}`;
  return text.toLowerCase().replaceAll(/[^a-z\d_-]+/g, "-");
}

/** Where the exports of each entry point are described: a map from `@parley/core!Message` to `/reference/api/….md#…`. */
export function apiPlaces(entries) {
  const places = new Map();
  for (const { specifier, page, items } of entries) {
    for (const { name, anchor } of items) places.set(`${specifier}!${name}`, `/${page}#${anchor}`);
  }
  // A package may pass on what another one passes on.
  for (let depth = 0; depth < 3; depth++) {
    for (const { specifier, reexports } of entries) {
      for (const { name, from } of reexports) {
        const place = places.get(`${from}!${name}`);
        if (place !== undefined) places.set(`${specifier}!${name}`, place);
      }
    }
  }
  return places;
}

/**
 * Where each name of the API is described: a map from `Client` and `Client.request` to `/reference/api/….md#…`. A name of several packages
 * leads to the first of `layr8`, `skytale` and the others that declares it.
 */
export function apiNames(entries) {
  const names = new Map();
  const add = (name, place) => names.has(name) || names.set(name, place);
  for (const { page, items } of ordered(entries)) {
    for (const { name, anchor: own, members: inner = [] } of items) {
      add(name, `/${page}#${own}`);
      for (const { kind, name: member } of inner) {
        // Properties are rows of a table, below the heading of their owner.
        const anchor = kind.startsWith("Method") ? anchorOf(name, member) : own;
        if (member !== undefined && kind !== "Constructor") add(`${name}.${member}`, `/${page}#${anchor}`);
      }
    }
  }
  return names;
}

function ordered(entries) {
  const rank = ({ folder }) => ["layr8", "skytale", "didcomm-agent", "channels", "layr8-node", "skytale-server"].indexOf(folder);
  return entries.toSorted((a, b) => (rank(b) === -1 ? -1 : 0) - (rank(a) === -1 ? -1 : 0) || rank(a) - rank(b));
}
