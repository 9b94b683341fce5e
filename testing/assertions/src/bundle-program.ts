import { createHash, randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Plugin } from "esbuild";

const FOLDER = fileURLToPath(new URL("../../../.cache/programs/", import.meta.url));
/** Packages with native addons or worker threads, which find their files beside their modules. */
const NOT_BUNDLED = /^(lmdb|pino)$/;

/** A bundle, and the modules that it was made of, with their sizes and times. */
interface Made {
  readonly program: string;
  readonly inputs: Readonly<Record<string, string>>;
}

/**
 * Bundles a program of built modules, so that tests which start it many times load a few files instead of hundreds: loading takes most of
 * a server's start. Modules keep their own `import.meta.url`. A bundle is made again when one of its modules has changed.
 *
 * @param path path of the built module.
 * @returns path of the program to start.
 */
export async function bundleProgram(path: string): Promise<string> {
  const key = createHash("sha256").update(path).digest("hex").slice(0, 16);
  const record = join(FOLDER, `${key}.json`);
  if (existsSync(record)) {
    const made = JSON.parse(readFileSync(record, "utf8")) as Made;
    if (Object.entries(made.inputs).every(([input, state]) => stateOf(input) === state)) return made.program;
  }
  // Processes of other test files may run the former bundle, or make this one at the same time: each has a folder of its own.
  const outdir = join(FOLDER, `${key}-${randomUUID()}`);
  const { build } = await import("esbuild");
  const { metafile } = await build({
    entryPoints: [path],
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    outExtension: { ".js": ".mjs" },
    banner: { js: requireFrom(path) },
    plugins: [ownLocation],
    absWorkingDir: dirname(FOLDER),
    metafile: true,
    logLevel: "error",
  });
  const inputs = Object.keys(metafile.inputs).map((input) => join(dirname(FOLDER), input));
  const made: Made = {
    program: join(outdir, `${basename(path, extname(path))}.mjs`),
    inputs: Object.fromEntries(inputs.map((input) => [input, stateOf(input)])),
  };
  writeFileSync(`${outdir}.json`, JSON.stringify(made));
  renameSync(`${outdir}.json`, record);
  return made.program;
}

function stateOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? "missing" : `${stats.size} ${stats.mtimeMs}`;
}

/** CommonJS modules in the bundle load Node's modules with it. */
function requireFrom(path: string): string {
  return `import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(${JSON.stringify(path)});`;
}

/** Keeps the locations of modules, and leaves packages outside that need them. */
const ownLocation: Plugin = {
  name: "own-location",
  setup(build) {
    build.onResolve({ filter: NOT_BUNDLED }, async ({ path, pluginData, ...options }) => {
      if (pluginData === "resolving") return undefined;
      const { kind, importer, resolveDir } = options;
      const { path: resolved, errors } = await build.resolve(path, { kind, importer, resolveDir, pluginData: "resolving" });
      return errors.length > 0 ? { errors } : { path: kind === "require-call" ? resolved : pathToFileURL(resolved).href, external: true };
    });
    build.onLoad({ filter: /\.[cm]?js$/ }, async ({ path }) => {
      const contents = await readFile(path, "utf8");
      const names: string[] = [];
      if (contents.includes("import.meta.url")) names.push(`const urlOfModule = ${JSON.stringify(pathToFileURL(path).href)};`);
      if (/\b__(dir|file)name\b/.test(contents)) {
        names.push(`var __dirname = ${JSON.stringify(dirname(path))}, __filename = ${JSON.stringify(path)};`);
      }
      if (names.length === 0) return undefined;
      return { contents: `${names.join(" ")}${contents.replace(/^#!.*/, "").replaceAll("import.meta.url", "urlOfModule")}`, loader: "js" };
    });
  },
};
