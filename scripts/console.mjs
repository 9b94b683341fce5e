// Bundles the console's page into packages/console/dist/web. A part of `npm run build`; takes a fraction of a second, and downloads nothing.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
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

// Each file is replaced in one step, and the page after the files that it names: servers and tests beside this process read them.
const temporary = `${OUTPUT}.${process.pid}`;
mkdirSync(temporary, { recursive: true });
mkdirSync(OUTPUT, { recursive: true });
const names = new Set();
const write = (name, contents) => {
  writeFileSync(join(temporary, name), contents);
  renameSync(join(temporary, name), join(OUTPUT, name));
  names.add(name);
};
let page = readFileSync(join(SOURCES, "index.html"), "utf8");
for (const { path, contents } of outputFiles) {
  const extension = path.endsWith(".css") ? "css" : "js";
  const name = `console-${createHash("sha256").update(contents).digest("hex").slice(0, 8)}.${extension}`;
  write(name, contents);
  page = page.replace(`console.${extension}`, name);
}
write("icon.svg", readFileSync(join(SOURCES, "icon.svg")));
write("index.html", page);
for (const name of readdirSync(OUTPUT)) if (!names.has(name)) rmSync(join(OUTPUT, name), { force: true });
rmSync(temporary, { recursive: true, force: true });
