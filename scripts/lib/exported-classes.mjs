// Public classes of different packages must have different names.
import { dirname, join, resolve } from "node:path";
import { parseSource } from "./source.mjs";
import { display, entryPoints } from "./workspace.mjs";

/**
 * One sentence for each name under which several packages export different classes. A package that exports another package's class is
 * exempt, and so are the meta packages, which extend classes under the same name.
 */
export function checkExportedClasses(members, { rules, root }) {
  const owners = new Map();
  for (const member of members) {
    if (member.group !== "packages" || rules[member.folder]?.meta === true) continue;
    for (const [name, file] of publicClasses(member)) owners.set(name, (owners.get(name) ?? new Map()).set(member.folder, file));
  }
  return [...owners]
    .filter(([, files]) => files.size > 1)
    .map(([name, files]) => {
      const places = [...files.values()].map((file) => display(file, root)).join(" and ");
      return `Two public classes are named ${name}: ${places}. Rename one: an application that uses both packages can't tell them apart.`;
    });
}

/** The classes that a package declares and exports at any entry point, by name: `[name, file]`. */
function publicClasses(member) {
  return entryPoints(member).flatMap(({ source }) => exportedClasses(join(member.dir, source)));
}

/** Exported classes of a file, those that it re-exports from files of the same package included. */
function exportedClasses(path) {
  const { program } = parseSource(path);
  const declared = new Set(program.body.flatMap((node) => (node.type === "ClassDeclaration" ? [node.id.name] : [])));
  return program.body.flatMap((node) => {
    if (node.type === "ExportAllDeclaration") return isLocal(node) ? exportedClasses(sourceOf(node, path)) : [];
    if (node.type !== "ExportNamedDeclaration" || node.exportKind === "type") return [];
    if (node.declaration !== null) return node.declaration.type === "ClassDeclaration" ? [[node.declaration.id.name, path]] : [];
    if (node.source !== null && !isLocal(node)) return [];
    const files =
      node.source === null ? new Map([...declared].map((name) => [name, path])) : new Map(exportedClasses(sourceOf(node, path)));
    return node.specifiers.flatMap(({ local, exported, exportKind }) =>
      exportKind !== "type" && files.has(local.name) ? [[exported.name, files.get(local.name)]] : [],
    );
  });
}

function isLocal({ source }) {
  return source?.value.startsWith(".") === true;
}

function sourceOf({ source }, path) {
  return resolve(dirname(path), source.value);
}
