import type { Command } from "commander";
import type { Runtime } from "../command/runtime.ts";
import type { Host } from "../host.ts";
import { contextsPath, readContexts } from "../settings/contexts.ts";

/** Each script passes the words to `parley __complete` and offers the lines that it prints. Without lines, the shell completes files. */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_parley() {
  local IFS=$'\\n'
  COMPREPLY=($(parley __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _parley parley`,
  zsh: `_parley() {
  local -a candidates
  candidates=("\${(@f)$(parley __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$candidates" ]]; then compadd -- $candidates; else _files; fi
}
compdef _parley parley`,
  fish: `function __parley
  set -l words (commandline -opc) (commandline -ct)
  parley __complete -- $words[2..] 2>/dev/null
end
complete -c parley -a '(__parley)'`,
};

/** Prints the completion script of a shell. */
export async function completion({ output }: Runtime, _options: object, shell: string): Promise<void> {
  const script = SCRIPTS[shell] ?? "";
  output.data({ shell, script }, () => script);
}

/** Creates the command line, with these commands declared in full. */
export type CreateProgram = (host: Host, names: readonly string[]) => Promise<Command>;

/** Prints the words that may stand in place of the last one, a line each. */
export async function complete({ version, environment }: Runtime, words: readonly string[], createProgram: CreateProgram): Promise<void> {
  const last = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  let command = await createProgram({ version, environment }, before.slice(0, 1));
  let used = 0;
  for (const word of before) {
    const child = command.commands.find((each) => each.name() === word);
    if (child === undefined) break;
    command = child;
    used += 1;
  }
  const candidates = await candidatesOf(command, { last, before: before.slice(used), environment });
  const found = candidates.filter((candidate) => candidate.startsWith(last));
  if (found.length > 0) process.stdout.write(`${found.join("\n")}\n`);
}

/** The command line so far. */
interface Given {
  readonly last: string;
  /** Words after the command. */
  readonly before: readonly string[];
  readonly environment: Readonly<NodeJS.ProcessEnv>;
}

async function candidatesOf(command: Command, given: Given): Promise<readonly string[]> {
  const { last, before, environment } = given;
  const previous = before.at(-1) ?? "";
  const isContext = previous === "--context" || (command.parent?.name() === "context" && ["use", "remove"].includes(command.name()));
  if (isContext && !last.startsWith("-")) {
    const { contexts } = await readContexts(contextsPath(environment)).catch(() => ({ contexts: {} }));
    return [...Object.keys(contexts), ...(previous === "--context" ? ["none"] : [])];
  }
  const option = command.options.find(({ long, required }) => required && long === previous);
  if (option !== undefined) return option.long === "--as" ? namesOf("did", given) : (option.argChoices ?? []);
  if (last.startsWith("-")) return [...command.options.flatMap(({ long }) => long ?? []), "--help"];
  const argument = command.registeredArguments[Math.min(placeOf(command, before), command.registeredArguments.length - 1)];
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const names = argument === undefined ? [] : await namesOf(argument.name(), given);
  return [...command.commands.map((child) => child.name()), ...choices, ...names];
}

/** The number of arguments among words: those that are neither options nor their values. */
function placeOf(command: Command, words: readonly string[]): number {
  let [place, isValue] = [0, false];
  for (const word of words) {
    const option = command.options.find(({ long }) => long === word);
    if (!isValue && !word.startsWith("-")) place += 1;
    isValue = option?.required === true;
  }
  return place;
}

/** Names that the servers know, for an argument of this name. None if no server answers quickly. */
async function namesOf(argument: string, { environment, before }: Given): Promise<readonly string[]> {
  const what = argument === "from" || argument === "to" ? "did" : argument;
  if (what !== "did" && what !== "channel") return [];
  const { knownNames } = await import("./known-names.ts");
  const context = before[before.indexOf("--context") + 1];
  return knownNames(what, { environment, context: before.includes("--context") ? context : undefined });
}
