// The docs site. Pages come from the Markdown files of this repository, from the API models, the command tree, the OpenAPI documents and the
// relay's proto file. Reads the build.
// Run: npm run docs (builds to .cache/docs/site), npm run docs:dev (serves it and follows changes), npm run docs:test (builds it and opens it
//      in a browser), node scripts/docs.mjs check (links and names only), or node scripts/docs.mjs install (VitePress only)
import { cpSync, existsSync, mkdirSync, statSync, symlinkSync, utimesSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { pnpm } from "./lib/pnpm.mjs";
import { runProgram } from "./lib/run-program.mjs";
import { SKIPPED } from "./lib/steps.mjs";
import { display, repository } from "./lib/workspace.mjs";

const ROOT = join(repository, "docs");
const PACKAGE = join(ROOT, ".vitepress");
const PAGES = join(repository, ".cache", "docs", "pages");
const SITE = join(repository, ".cache", "docs", "site");
const INSTALLED = join(PACKAGE, "node_modules", ".modules.yaml");

/** Collects and writes the pages, and prints their problems. */
async function stage() {
  // Needs installed packages and a build, which `install` does not.
  const { collectPages, writePages } = await import("./docs/stage.mjs");
  const collected = await collectPages();
  writePages(collected, PAGES);
  for (const problem of collected.problems) console.log(problem);
  console.log(
    `${collected.pages.length} pages, ${collected.problems.length} dead links, unknown names and missing entries of the sidebar.`,
  );
  return { ok: collected.problems.length === 0, pages: collected.pages };
}

/** Brings the API models up to date with the build. */
async function updateModels() {
  const code = await runProgram(process.execPath, [join(repository, "scripts/api-report.mjs"), "--check"], { cwd: repository });
  if (code !== 0) process.exit(code);
}

/** Installs VitePress, which nothing else in this repository needs. */
async function install() {
  const lockfile = join(PACKAGE, "pnpm-lock.yaml");
  if (existsSync(INSTALLED) && statSync(INSTALLED).mtimeMs >= statSync(lockfile).mtimeMs) return;
  const code = await pnpm(["install", "--frozen-lockfile", "--dir", PACKAGE]);
  if (code !== 0) process.exit(code);
  utimesSync(INSTALLED, new Date(), new Date());
}

function vitepress(command, args) {
  // The pages import Vue, and are not below VitePress's own folder.
  const link = join(repository, ".cache", "docs", "node_modules");
  if (!existsSync(link)) symlinkSync(join(PACKAGE, "node_modules"), link, "junction");
  return runProgram(process.execPath, [join(PACKAGE, "node_modules/vitepress/bin/vitepress.js"), command, ROOT, ...args], { cwd: PACKAGE });
}

/** Each page is also on the site as Markdown, beside its HTML. */
function copyMarkdown(pages) {
  for (const { path } of pages) {
    mkdirSync(dirname(join(SITE, path)), { recursive: true });
    cpSync(join(PAGES, path), join(SITE, path));
  }
}

function stageOnChange() {
  let timer;
  watch(ROOT, { recursive: true }, (_event, name) => {
    if (name === null || name.startsWith(".vitepress")) return;
    clearTimeout(timer);
    timer = setTimeout(() => void stage().catch((error) => console.error(error)), 200);
  });
}

/** Checks and writes the pages, and builds the site from them. Resolves with an exit code. */
async function build(args) {
  const { ok, pages } = await stage();
  if (!ok) return 1;
  const code = await vitepress("build", args);
  if (code !== 0) return code;
  copyMarkdown(pages);
  console.log(`The site is in ${display(SITE)}.`);
  return 0;
}

/** A step of the gate: without VitePress it checks links and names only. */
async function test() {
  if (!existsSync(INSTALLED)) {
    console.log(`${SKIPPED}docs site: VitePress is not installed; run: node scripts/docs.mjs install`);
    return (await stage()).ok ? 0 : 1;
  }
  const code = await build([]);
  if (code !== 0) return code;
  return runProgram(process.execPath, [join(repository, "node_modules/vitest/vitest.mjs"), "run", "--project", "site"], {
    cwd: repository,
  });
}

const COMMANDS = {
  check: async () => ((await stage()).ok ? 0 : 1),
  install: async () => (await install(), 0),
  build: async (args) => {
    await updateModels();
    await install();
    return build(args);
  },
  dev: async (args) => {
    await updateModels();
    await install();
    await stage();
    stageOnChange();
    return vitepress("dev", args);
  },
  test,
};

const [name, ...args] = process.argv.slice(2);
const run = COMMANDS[name];
if (run === undefined) throw new TypeError(`Usage: node scripts/docs.mjs ${Object.keys(COMMANDS).join(" | ")}`);
process.exit(await run(args));
