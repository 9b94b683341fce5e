// Keeps one report of the public API per entry point under packages/*/api, so that every change to it shows up in review. Also writes the
// model of each entry point to .cache, from which the docs site renders its API pages.
// Run: npm run api (compares) or npm run api:update (writes). Needs a build.
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CompilerState, Extractor, ExtractorConfig } from "@microsoft/api-extractor";
import { modelFile } from "./docs/api-model.mjs";
import { display, entryPoints, members, repository } from "./lib/workspace.mjs";

const UPDATE = "npm run api:update";

/** All entry points of all published packages: `{ member, name, types }`. */
function entries() {
  return members()
    .filter(({ group }) => group === "packages")
    .flatMap((member) => entryPoints(member).map(({ name, types }) => ({ member, name, types: join(member.dir, types) })));
}

function configure({ member: { dir, folder, manifest }, name, types }) {
  return ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(dir, "package.json"),
    configObject: {
      projectFolder: dir,
      mainEntryPointFilePath: types,
      newlineKind: "lf",
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: "ES2023",
            lib: ["ES2023", "ESNext.Disposable"],
            module: "NodeNext",
            moduleResolution: "NodeNext",
            types: ["node"],
            strict: true,
            exactOptionalPropertyTypes: true,
            skipLibCheck: true,
          },
          include: ["dist/**/*.d.ts"],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: name,
        reportFolder: join(dir, "api"),
        reportTempFolder: join(repository, ".cache", "api", manifest.name.replaceAll("/", "__")),
      },
      docModel: { enabled: true, apiJsonFilePath: modelFile(folder, name) },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        extractorMessageReporting: {
          default: { logLevel: "none" },
          "ae-forgotten-export": { logLevel: "none", addToApiReportFile: true },
        },
        tsdocMessageReporting: { default: { logLevel: "none" } },
        compilerMessageReporting: { default: { logLevel: "error" } },
      },
    },
  });
}

/** Compares or writes one report; what is wrong with it, as a text, or undefined. */
function report({ member, config, name }, compilerState, update) {
  mkdirSync(config.reportFolder, { recursive: true });
  mkdirSync(config.reportTempFolder, { recursive: true });
  const errors = [];
  let diff = "";
  const { apiReportChanged } = Extractor.invoke(config, {
    compilerState,
    localBuild: update,
    printApiReportDiff: true,
    messageCallback(message) {
      if (message.messageId === "console-api-report-diff") diff = message.text;
      else if (message.logLevel === "error") errors.push(message.formatMessageWithLocation(repository));
      message.handled = true;
    },
  });
  if (errors.length > 0) return errors.join("\n");
  if (update || !apiReportChanged) return undefined;
  const file = `${display(member.dir)}/api/${name}.api.md`;
  return existsSync(join(repository, file))
    ? `${file} is not what the build declares. If that change is meant, run \`${UPDATE}\` and commit it.\n${diff}`
    : `${file} is missing. Run \`${UPDATE}\` and commit it.`;
}

/** Reports of entry points that no longer exist. */
function orphans() {
  return members()
    .filter(({ group }) => group === "packages")
    .flatMap((member) => {
      const folder = join(member.dir, "api");
      const known = new Set(entryPoints(member).map(({ name }) => `${name}.api.md`));
      return existsSync(folder)
        ? readdirSync(folder)
            .filter((name) => !known.has(name))
            .map((name) => join(folder, name))
        : [];
    });
}

function run(update) {
  const problems = [];
  for (const path of orphans()) {
    if (update) rmSync(path);
    else problems.push(`${display(path)} belongs to no entry point. Run \`${UPDATE}\` and commit the removal.`);
  }
  const built = [];
  for (const entry of entries()) {
    if (existsSync(entry.types)) built.push({ ...entry, config: configure(entry) });
    else problems.push(`${display(entry.types)} is missing. Build first (npm run build), and check "exports" in package.json.`);
  }
  const [first] = built;
  if (first !== undefined) {
    const compilerState = CompilerState.create(first.config, { additionalEntryPoints: built.map(({ types }) => types) });
    for (const entry of built) problems.push(report(entry, compilerState, update) ?? []);
  }
  return { problems: problems.flat(), count: built.length };
}

const update = process.argv.includes("--update");
if (!update && !process.argv.includes("--check")) throw new TypeError("Usage: node scripts/api-report.mjs --check | --update");
const { problems, count } = run(update);
for (const problem of problems) console.log(`${problem}\n`);
if (problems.length === 0) console.log(`${count} API reports ${update ? "written" : "are up to date"}.`);
process.exitCode = problems.length === 0 ? 0 : 1;
