// Compiles every ```ts block of the documentation, so that what people copy works.
// Run: npm run docs:check
//
// Blocks come from the Markdown files and docstrings listed below. Each is a module of its own and is checked against the builds of
// this workspace. Lines and columns of a block stay where they are in its file, so that errors point there.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseSource } from "./lib/source.mjs";
import { display, filesBelow, members, repository } from "./lib/workspace.mjs";

const BLOCKS = join(repository, ".cache", "code-blocks");

/**
 * The ```ts blocks of a text: `{ line, code }`, where `code` has the line and column numbers that it has in the text.
 * `prefix` is what may stand before each line, such as a docstring's ` * `.
 */
export function extractBlocks(text, prefix = /^\s*/) {
  const blocks = [];
  let open;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const indent = prefix.exec(line)?.[0] ?? "";
    const rest = line.slice(indent.length);
    const fence = /^(`{3,})(.*)$/.exec(rest);
    if (open === undefined) {
      if (fence === null) continue;
      open = { fence: fence[1], line: index + 1, typescript: /^(ts|typescript)\b/.test(fence[2].trim()), lines: [] };
    } else if (fence !== null && fence[1].length >= open.fence.length && fence[2].trim() === "") {
      if (open.typescript) blocks.push({ line: open.line, code: "\n".repeat(open.line) + open.lines.join("\n") + "\n" });
      open = undefined;
    } else {
      open.lines.push(" ".repeat(indent.length) + rest);
    }
  }
  if (open?.typescript) throw new Error(`The code block that line ${open.line} opens is never closed.`);
  return blocks;
}

/** The ```ts blocks in the docstrings of a source file. */
function docstringBlocks(path) {
  const { text, comments } = parseSource(path);
  return comments
    .filter(({ type, value }) => type === "Block" && value.startsWith("*"))
    .flatMap(({ start, end }) => {
      const before = text.slice(0, start).split("\n").length - 1;
      return extractBlocks("\n".repeat(before) + text.slice(start, end), /^\s*\* ?/);
    });
}

function documents() {
  const markdown = readdirSync(repository)
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(repository, name));
  markdown.push(...filesBelow(join(repository, "docs"), /\.md$/));
  const sources = [];
  for (const { group, dir } of members()) {
    const readme = join(dir, "README.md");
    if (existsSync(readme)) markdown.push(readme);
    markdown.push(...filesBelow(join(dir, "skills"), /\.md$/));
    if (group === "packages") sources.push(...filesBelow(join(dir, "src"), /\.ts$/));
  }
  return [
    ...markdown.map((path) => ({ path, read: () => extractBlocks(readFileSync(path, "utf8")) })),
    ...sources.map((path) => ({ path, read: () => docstringBlocks(path) })),
  ];
}

/** Writes all blocks to files: a map from the file's name to the document it came from. */
function writeBlocks() {
  const origins = new Map();
  for (const { path, read } of documents()) {
    for (const { line, code } of readFrom(path, read)) {
      const name = `${display(path).replaceAll(/[^\w.-]+/g, "_")}_${line}.ts`;
      writeFileSync(join(BLOCKS, name), code);
      origins.set(name, display(path));
    }
  }
  return origins;
}

function readFrom(path, read) {
  try {
    return read();
  } catch (error) {
    throw new Error(`${display(path)}: ${error.message}`, { cause: error });
  }
}

/** Makes every package of the workspace, and everything that one of them has installed, importable from the blocks. */
function linkPackages() {
  const all = members();
  for (const { manifest, dir } of all) link(manifest.name, dir);
  for (const { manifest, dir } of all) {
    for (const kind of ["dependencies", "peerDependencies", "optionalDependencies", "devDependencies"]) {
      for (const name of Object.keys(manifest[kind] ?? {})) link(name, join(dir, "node_modules", name));
    }
  }
}

function link(name, target) {
  const path = join(BLOCKS, "node_modules", name);
  if (existsSync(path) || !existsSync(target)) return;
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path, "junction");
}

function compile() {
  writeFileSync(join(BLOCKS, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const compilerOptions = {
    composite: false,
    moduleDetection: "force",
    noUnusedLocals: false,
    noUnusedParameters: false,
    // Declarations of the build instead of sources: a quarter of the time.
    customConditions: [],
  };
  writeFileSync(
    join(BLOCKS, "tsconfig.json"),
    JSON.stringify({ extends: "../../tsconfig.test.json", compilerOptions, include: ["*.ts"], exclude: ["node_modules"] }),
  );
  const tsc = join(repository, "node_modules", "typescript", "bin", "tsc");
  const { stdout, stderr, status } = spawnSync(process.execPath, [tsc, "-p", BLOCKS, "--pretty", "false"], {
    cwd: BLOCKS,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return { output: stdout + stderr, ok: status === 0 };
}

function checkCodeBlocks() {
  rmSync(BLOCKS, { recursive: true, force: true });
  mkdirSync(BLOCKS, { recursive: true });
  linkPackages();
  const origins = writeBlocks();
  if (origins.size === 0) return { count: 0, ok: true, output: "" };
  const { output, ok } = compile();
  const mapped = output.replaceAll(/^(\S+?)\((\d+),(\d+)\)/gm, (_, file, line, column) => `${origins.get(file) ?? file}:${line}:${column}`);
  return { count: origins.size, ok, output: mapped };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { count, ok, output } = checkCodeBlocks();
  if (output !== "") console.log(output);
  console.log(ok ? `${count} code blocks compile.` : "Some code blocks don't compile. Each must be a complete module: imports included.");
  process.exitCode = ok ? 0 : 1;
}
