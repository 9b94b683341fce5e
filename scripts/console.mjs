// Bundles the console's page into packages/console/dist/web. A part of `npm run build`; takes a fraction of a second, and downloads nothing.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { repository } from "./lib/workspace.mjs";

const SOURCES = join(repository, "packages/console/web");
const OUTPUT = join(repository, "packages/console/dist/web");

const { outputFiles } = await build({
  entryPoints: [join(SOURCES, "main.tsx"), join(SOURCES, "style.css")],
  bundle: true,
  minify: true,
  write: false,
  format: "esm",
  target: ["chrome123", "firefox121", "safari17.5"],
  conditions: ["@parley/source"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  outdir: OUTPUT,
});

// Replaced in one step, since tests beside this one may read it.
const directory = `${OUTPUT}.${process.pid}`;
mkdirSync(directory, { recursive: true });
let page = readFileSync(join(SOURCES, "index.html"), "utf8");
for (const { path, contents } of outputFiles) {
  const extension = path.endsWith(".css") ? "css" : "js";
  const name = `console-${createHash("sha256").update(contents).digest("hex").slice(0, 8)}.${extension}`;
  writeFileSync(join(directory, name), contents);
  page = page.replace(`console.${extension}`, name);
}
writeFileSync(join(directory, "index.html"), page);
writeFileSync(join(directory, "icon.svg"), readFileSync(join(SOURCES, "icon.svg")));
rmSync(OUTPUT, { recursive: true, force: true });
renameSync(directory, OUTPUT);
