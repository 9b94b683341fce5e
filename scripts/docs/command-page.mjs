// The reference of the command `parley`, from its command tree.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { repository } from "../lib/workspace.mjs";

/** The page. Reads the build of @parley/cli. */
export async function commandPage() {
  const { createProgram } = await import(pathToFileURL(join(repository, "packages/cli/dist/program.js")).href);
  const host = { version: "", environment: {} };
  const names = (await createProgram(host, [])).commands.map((command) => command.name());
  const program = await createProgram(host, names);
  const commands = leaves(program.commands, "parley");
  return [
    "# Commands",
    "Every command of `parley` with its arguments and options, generated from the program. [The command line](/cli.md) has exit codes, files and examples.",
    "Each command also has `-h, --help`.",
    commands.map(({ title }) => `- [\`${title}\`](#${anchor(title)})`).join("\n"),
    ...commands.flatMap(({ title, command }) => describe(title, command)),
    "",
  ].join("\n\n");
}

/** The fragment of a command on the page. */
function anchor(title) {
  return title.replaceAll(" ", "-");
}

function leaves(commands, prefix) {
  return commands.flatMap((command) => {
    const title = `${prefix} ${command.name()}`;
    if (title.includes("__")) return [];
    return command.commands.length > 0 ? leaves(command.commands, title) : [{ title, command }];
  });
}

function describe(title, command) {
  const values = command.registeredArguments;
  const options = command.options.filter(({ hidden }) => !hidden);
  return [
    `## ${title} {#${anchor(title)}}`,
    command.description() === "" ? `${command.summary()}.` : command.description(),
    `\`\`\`text\n${[title, ...values.map(argumentTerm), ...(options.length > 0 ? ["[options]"] : [])].join(" ")}\n\`\`\``,
    table(
      "argument",
      values.map((value) => [argumentTerm(value), value.description]),
    ),
    table(
      "option",
      options.map((option) => [option.flags, `${option.description}${standardOf(option)}`]),
    ),
  ].filter((part) => part !== "");
}

function argumentTerm({ required, variadic, _name: name }) {
  const shown = `${name}${variadic ? "..." : ""}`;
  return required ? `<${shown}>` : `[${shown}]`;
}

function standardOf({ defaultValue, defaultValueDescription, envVar, negate }) {
  const notes = [];
  if (envVar !== undefined) notes.push(`environment: \`${envVar}\``);
  const shown = defaultValueDescription ?? defaultValue;
  if (shown !== undefined && !negate && typeof shown !== "boolean") notes.push(`default: \`${shown}\``);
  return notes.length === 0 ? "" : ` (${notes.join(", ")})`;
}

function table(head, rows) {
  if (rows.length === 0) return "";
  const cell = (text) => text.replaceAll("|", "\\|").replaceAll(/(?<!`)<([^<>`]+)>(?!`)/g, "`<$1>`");
  return [`| ${head} | meaning |`, "| --- | --- |", ...rows.map(([name, text]) => `| \`${name}\` | ${cell(text)} |`)].join("\n");
}
