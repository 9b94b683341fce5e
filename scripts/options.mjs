// Copies the options of the servers from their schemas and docstrings into the documents and into the help of the commands, so that each is
// written once. Reads the build.
// Run: npm run docs:options (writes), or node scripts/options.mjs --check (as the gate does)
//
// A document marks the place of a table with two comments, `options NodeLimits` and `/options`. In `bin/help.txt` of a server, the lines after
// `start:` up to the next empty line are the flags. A docstring ends with the default, as in `Default 4000.`, which must be that of the schema.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseSource } from "./lib/source.mjs";
import { display, filesBelow, repository } from "./lib/workspace.mjs";

/** Options that all servers have. */
const SHARED = { NatsOptions: "../../server-kit/src/options/nats-options" };
const SERVERS = [
  {
    folder: "packages/layr8-node",
    program: "NODE_PROGRAM",
    interfaces: {
      NodeOptions: "options",
      NodeLimits: "options",
      ResolutionOptions: "network/resolution",
      Policy: "routing/authorize/policy-options",
      CredentialDemand: "routing/authorize/policy-options",
      ...SHARED,
    },
    limits: { NodeLimits: "limits", ResolutionOptions: "resolution", Policy: "policies", CredentialDemand: "policies.credentials" },
  },
  {
    folder: "packages/skytale-server",
    program: "SKYTALE_PROGRAM",
    interfaces: {
      SkytaleOptions: "options",
      ApiLimits: "api/limits",
      RelayLimits: "relay/relay-limits",
      Retention: "log/channel-log",
      ...SHARED,
    },
    limits: { ApiLimits: "limits.api", RelayLimits: "limits.relay", Retention: "retention" },
  },
];
const PLACE = /(<!-- options (\w+) -->\n)([\s\S]*?)(<!-- \/options -->)/g;
const HELP_WIDTH = 120;
const FLAG_WIDTH = 22;

/** The members of an interface with their docstrings: `[{ name, text, standard }]`, where `standard` is the text after "Default". */
export function documentedOptions(path, name) {
  const { program, comments } = parseSource(path);
  const declared = program.body
    .map(({ declaration }) => declaration)
    .find((found) => found?.type === "TSInterfaceDeclaration" && found.id.name === name);
  if (declared === undefined) throw new Error(`${display(path)} has no interface ${name}`);
  let from = declared.body.start;
  return declared.body.body.map(({ key, start, end }) => {
    const comment = comments.findLast((one) => one.type === "Block" && one.start > from && one.end <= start);
    from = end;
    const text = (comment?.value ?? "")
      .replaceAll(/^\s*\* ?/gm, "")
      .replaceAll(/\s+/g, " ")
      .replaceAll(/\{@link (\w+)\}/g, "`$1`")
      .trim();
    const [, meaning = text, standard = ""] = /^(.*?)\s*\bDefault:? (.*?)\.?$/.exec(text) ?? [];
    return { name: key.name, text: meaning, standard };
  });
}

/** The ways in which a docstring can write a default. */
export function waysToWrite(value) {
  if (typeof value === "string") return [`\`${value}\``, value];
  const units = { " Ki": 1024, " Mi": 1024 ** 2, " Gi": 1024 ** 3, " hours": 3_600_000, " minutes": 60_000, " days": 86_400_000 };
  const scaled = Object.entries(units).map(([unit, size]) => `${(value / size).toLocaleString("en-US")}${unit}`);
  return [String(value), value.toLocaleString("en-US"), ...scaled];
}

/** Throws unless the docstrings name every option of the schema, and its default. */
export function checkDefaults(documented, described, where) {
  const byName = new Map(documented.map((option) => [option.name, option]));
  for (const { name, standard } of described) {
    const option = byName.get(name);
    if (option === undefined) throw new Error(`${where}: ${name} has no docstring`);
    const isSimple = typeof standard === "string" || typeof standard === "number";
    if (isSimple && !waysToWrite(standard).some((way) => option.standard.startsWith(way)))
      throw new Error(`${where}: the docstring of ${name} says "Default ${option.standard}"; the schema has ${standard}`);
  }
}

/** A table of options in Markdown. */
export function optionTable(documented) {
  const cell = (text) => text.replaceAll("|", "\\|");
  const rows = documented.map(({ name, text, standard }) => `| \`${name}\` | ${cell(standard)} | ${cell(text)} |`);
  return ["| option | default | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}

/** The lines of the help for all flags that start a server. */
export function helpLines(flags, documented, configurable) {
  const byFlag = new Map(documented.map((option) => [option.name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), option]));
  return Object.entries(flags).flatMap(([name, { value, help }]) => {
    const { text = "", standard = "" } = byFlag.get(name) ?? {};
    const sentence = asFlagValues((help === "" ? /^.*?(?=[.](?: |$)|$)/.exec(text)[0] : help).replaceAll("`", ""));
    const config = name === "config" ? ` with any of: ${configurable.join(", ")}` : "";
    // Only defaults that are values: not "none", nor a sentence.
    const [, plain = "none"] = help === "" ? (/^`?([\w.%<>-]+)`?(?::|$)/.exec(standard) ?? []) : [];
    const shown = plain === "none" || plain === "false" ? "" : ` (default ${plain})`;
    return wrap(`  --${name}${value === "" ? "" : ` ${value}`}`, sentence + config + shown);
  });
}

/** Writes lists of texts as flags take them: `["a", "b"]` is `a,b`. */
function asFlagValues(sentence) {
  return sentence.replaceAll(/\["[^\]]*"\]/g, (list) => JSON.parse(list).join(","));
}

function wrap(flag, text) {
  const lines = [flag.length >= FLAG_WIDTH ? `${flag} ` : flag.padEnd(FLAG_WIDTH)];
  for (const word of text.split(" ")) {
    if (lines.at(-1).length + word.length > HELP_WIDTH) lines.push(" ".repeat(FLAG_WIDTH));
    lines.push(`${lines.pop()}${word} `);
  }
  return lines.map((line) => line.trimEnd());
}

/** A help text with its flags filled in. */
export function withHelp(text, lines) {
  return text.replace(/(\nstart:\n)[\s\S]*?(\n\n)/, (_, open, close) => `${open}${lines.join("\n")}${close}`);
}

/** A document with its tables of options filled in. */
export function withOptionTables(text, tables) {
  return text.replaceAll(PLACE, (place, open, name, current, close) => {
    const table = tables.get(name);
    if (table === undefined) throw new Error(`no server has options ${name}`);
    return normal(current) === normal(table) ? place : `${open}\n${table}\n\n${close}`;
  });
}

/** A table without the alignment of the formatter. */
function normal(table) {
  return table.trim().replaceAll(/ +/g, " ").replaceAll(/-+/g, "-");
}

/** The schema of a member such as `limits.api`. */
function memberAt(schema, path, describeOptions) {
  const names = path === undefined ? [] : path.split(".");
  return names.reduce((found, member) => describeOptions(found).find(({ name }) => name === member).schema, schema);
}

/** The texts of all files that hold options: `[path, current, updated]`. */
async function updates() {
  const { describeOptions, flagsOf } = await import(pathToFileURL(join(repository, "packages/server-kit/dist/index.js")).href);
  const tables = new Map();
  const files = [];
  for (const { folder, program: name, interfaces, limits } of SERVERS) {
    const { [name]: program } = await import(pathToFileURL(join(repository, folder, "dist/cli/start.js")).href);
    const documented = Object.entries(interfaces).map(([type, file]) => [
      type,
      documentedOptions(join(repository, folder, `src/${file}.ts`), type),
    ]);
    const shared = documented.flatMap(([type, options]) => (Object.hasOwn(SHARED, type) ? options : []));
    for (const [index, [type, options]] of documented.entries()) {
      tables.set(type, optionTable(options));
      if (Object.hasOwn(SHARED, type)) continue;
      const all = index === 0 ? [...options, ...shared] : options;
      checkDefaults(all, describeOptions(memberAt(program.schema, limits[type], describeOptions)), `${folder}, ${type}`);
    }
    const own = [...documented[0][1], ...shared];
    const configurable = describeOptions(program.schema).filter(({ inConfig }) => inConfig !== false);
    const path = join(repository, folder, "bin/help.txt");
    const text = readFileSync(path, "utf8");
    files.push([
      path,
      text,
      withHelp(
        text,
        helpLines(
          flagsOf(program),
          own,
          configurable.map((option) => option.name),
        ),
      ),
    ]);
  }
  for (const path of filesBelow(join(repository, "docs"), /\.md$/)) {
    const text = readFileSync(path, "utf8");
    files.push([path, text, withOptionTables(text, tables)]);
  }
  return files;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const isCheck = process.argv.includes("--check");
  const outdated = (await updates()).filter(([, current, updated]) => current !== updated);
  for (const [path, , updated] of outdated) {
    if (!isCheck) writeFileSync(path, updated);
    console.log(isCheck ? `${display(path)}: its options differ from the source. Run: npm run docs:options` : `updated ${display(path)}`);
  }
  if (outdated.length === 0) console.log("The documents and the help have the options of the sources.");
  process.exitCode = isCheck && outdated.length > 0 ? 1 : 0;
}
