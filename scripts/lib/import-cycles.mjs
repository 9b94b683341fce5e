// Import cycles between the files of one workspace member. Cycles between members are found in their package.json files.
import { dirname, resolve } from "node:path";
import { cycles } from "./cycles.mjs";
import { importedFrom, walk } from "./source.mjs";
import { display } from "./workspace.mjs";

/** One sentence for each import cycle among parsed files. Imports of types count: they tie the files to each other for a reader as well. */
export function checkImportCycles(sources, root) {
  const paths = new Set(sources.map(({ path }) => path));
  const graph = new Map(sources.map((source) => [source.path, localImports(source).filter((target) => paths.has(target))]));
  return cycles(graph).map((cycle) => {
    const names = cycle.map((path) => display(path, root)).join(" → ");
    return `Import cycle: ${names}. Move what both files need to a file of its own, or to the lower of the two.`;
  });
}

function localImports({ path, program }) {
  const targets = new Set();
  walk(program, (node) => {
    const specifier = importedFrom(node);
    if (typeof specifier === "string" && specifier.startsWith(".")) targets.add(resolve(dirname(path), specifier));
  });
  return [...targets];
}
