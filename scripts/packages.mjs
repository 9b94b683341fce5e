// The packages as users get them, which are packed once for the same contents.
//   node scripts/packages.mjs --check      checks the tarballs: publint, arethetypeswrong, and the README's programs in an empty project
//   node scripts/packages.mjs <directory>  installs them into a project: npm run pack -- <directory>
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { spawnSync } from "node:child_process";
import { install, installedProject, npm, readmePrograms } from "./lib/consumer.mjs";
import { checkTarball } from "./lib/package-checks.mjs";
import { PROGRESS, SKIPPED } from "./lib/steps.mjs";
import { pack } from "./lib/tarballs.mjs";
import { repository } from "./lib/workspace.mjs";

const CHECKED = join(repository, ".cache", "packages", "checked.json");
/** Codes of npm's errors when its registry can't be reached. */
const OFFLINE = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ENOTCACHED)\b/;
const PROGRAM_TIMEOUT_MS = 120_000;

const progress = (text) => console.log(`${PROGRESS}${text}`);

/** Keys of checks that passed before; a check runs again when its tools or their input change. */
const passed = new Set(existsSync(CHECKED) ? JSON.parse(readFileSync(CHECKED, "utf8")) : []);

function keyOf(...inputs) {
  const tools = readFileSync(join(repository, "pnpm-lock.yaml"));
  return createHash("sha256").update(tools).update(inputs.join("\n")).digest("hex").slice(0, 16);
}

/** Checks the contents of each tarball. */
async function checkContents(tarballs) {
  const problems = [];
  for (const [index, { name, path }] of tarballs.entries()) {
    const key = keyOf("contents", basename(path));
    if (passed.has(key)) continue;
    progress(`${index + 1} of ${tarballs.length}, ${name}`);
    const found = await checkTarball(path);
    problems.push(...found.map((problem) => `${name}: ${problem}`));
    if (found.length === 0) passed.add(key);
  }
  return problems;
}

/** Installs all tarballs into an empty project, and runs the README's programs there. */
function checkInstalled(tarballs) {
  const programs = readmePrograms();
  const key = keyOf("installed", process.version, ...programs.values(), ...tarballs.map(({ path }) => basename(path)));
  if (passed.has(key)) return [];
  try {
    progress("installing into an empty project");
    // Every package works without the install scripts of its dependencies. The project stays for the step that bundles.
    const project = installedProject(tarballs);
    npm(project, ["ls", "--all"]);
    const problems = [...programs].flatMap(([name, code]) => runProgram(project, name, code));
    if (problems.length === 0) passed.add(key);
    return problems;
  } catch (error) {
    if (!OFFLINE.test(error.message)) return [error.message];
    console.log(`${SKIPPED}installing into an empty project: npm can't reach its registry`);
    return [];
  }
}

function runProgram(project, name, code) {
  progress(`running ${name}`);
  writeFileSync(join(project, name), code);
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [name], {
    cwd: project,
    encoding: "utf8",
    timeout: PROGRAM_TIMEOUT_MS,
  });
  if (status === 0 && stdout !== "") return [];
  return [`README.md's ${name} ended with ${status ?? signal}, outside of this repository:\n${stdout}${stderr}`];
}

async function check() {
  const tarballs = pack(progress);
  const problems = [...(await checkContents(tarballs)), ...checkInstalled(tarballs)];
  writeFileSync(CHECKED, JSON.stringify([...passed]));
  for (const problem of problems) console.log(problem);
  if (problems.length === 0) console.log(`${tarballs.length} packages are as they should be.`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function installInto(directory) {
  if (existsSync(directory) && !statSync(directory).isDirectory()) {
    console.error(`${directory} is a file. Name the directory of your project, which is created if it doesn't exist.`);
    process.exitCode = 2;
    return;
  }
  const tarballs = pack();
  console.log(`Installing ${tarballs.length} packages into ${directory}…`);
  try {
    install(directory, tarballs);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
    return;
  }
  console.log(`Done. The packages are in ${join(directory, "parley")}; keep that folder beside package.json.
Run this again after a change here. TypeScript also needs: npm install --save-dev typescript @types/node`);
}

const [argument, ...others] = process.argv.slice(2);
if (argument === "--check" && others.length === 0) {
  await check();
} else if (argument !== undefined && !argument.startsWith("-") && others.length === 0) {
  installInto(resolve(process.env["INIT_CWD"] ?? ".", argument));
} else {
  console.error("Usage: npm run pack -- <directory of your project>");
  process.exitCode = 2;
}
