import { nearest } from "@parley/core/internal";

/**
 * Creates the error for an unknown command. It suggests the subcommands of the group, or the nearest command.
 *
 * @param words the words of the command line, without options.
 * @param commands all commands of the program, such as `keys create`.
 */
export function unknownCommand(program: string, words: readonly string[], commands: readonly string[]): TypeError {
  const [group = ""] = words;
  const members = commands.filter((command) => command.startsWith(`${group} `));
  const typed = words.join(" ");
  if (members.length > 0 && !members.some((member) => member.split(" ")[1] === words[1])) {
    const choices = members.map((member) => `${program} ${member}`).join(", ");
    const fault = words.length > 1 ? `Unknown command "${typed}"` : `"${group}" needs a subcommand`;
    return new TypeError(`${fault}: ${choices}; see ${program} --help`);
  }
  const meant = nearest(typed, commands) ?? nearest(group, [...commands, "--help", "--version"]);
  const rest = meant === undefined ? "; see" : `. Did you mean "${program} ${meant}"? See`;
  return new TypeError(`Unknown command "${typed}"${rest} ${program} --help`);
}
