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
  for (const word of before) command = command.commands.find((child) => child.name() === word) ?? command;
  const candidates = await candidatesOf(command, { last, previous: before.at(-1) ?? "", environment });
  const found = candidates.filter((candidate) => candidate.startsWith(last));
  if (found.length > 0) process.stdout.write(`${found.join("\n")}\n`);
}

async function candidatesOf(
  command: Command,
  given: { readonly last: string; readonly previous: string; readonly environment: Readonly<NodeJS.ProcessEnv> },
): Promise<readonly string[]> {
  const { last, previous, environment } = given;
  const isContext = previous === "--context" || (command.parent?.name() === "context" && ["use", "remove"].includes(command.name()));
  if (isContext && !last.startsWith("-")) {
    const { contexts } = await readContexts(contextsPath(environment)).catch(() => ({ contexts: {} }));
    return [...Object.keys(contexts), ...(previous === "--context" ? ["none"] : [])];
  }
  // The value of another option.
  if (command.options.some((option) => option.long === previous && option.required)) return [];
  if (last.startsWith("-")) return [...command.options.flatMap(({ long }) => long ?? []), "--help"];
  return [...command.commands.map((child) => child.name()), ...command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? [])];
}
