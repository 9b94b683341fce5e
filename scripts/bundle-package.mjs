// Bundles the entry points of the package in the current folder, in `bundle`: one file for each, and one for each part that is loaded
// later or shared. Node spends most of the time of an import on finding and reading files. Run by pnpm before it packs or publishes a
// package with `"prepack": "node ../../scripts/bundle-package.mjs"`. Needs a build.
import { readFileSync, rmSync } from "node:fs";
import { build } from "esbuild";

const { publishConfig } = JSON.parse(readFileSync("package.json", "utf8"));
const entries = Object.values(publishConfig.exports).flatMap(({ default: file }) => file?.replace("./bundle/", "dist/") ?? []);

rmSync("bundle", { recursive: true, force: true });
await build({
  entryPoints: entries,
  outdir: "bundle",
  outbase: "dist",
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  // Other packages stay packages: a program has each class of theirs once.
  packages: "external",
  sourcemap: "linked",
  sourcesContent: false,
  logLevel: "warning",
});
