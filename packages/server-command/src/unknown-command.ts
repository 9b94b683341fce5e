import { nearest } from "@parley/core/internal";

/**
 * The error for a command that does not exist, with what was probably meant: the subcommands of a group, or the nearest command.
 *
 * @param words what was typed, without options.
 * @param commands all that the program has, such as `keys create`.
 */
export function unknownCommand(program: string, words: readonly string[], commands: readonly string[]): TypeError {
  const [group = ""] = words;
  const members = commands.filter((command) => command.startsWith(`${group} `));
  const typed = words.join(" ");
  if (members.length > 0 && !members.some((member) => member.split(" ")[1] === words[1])) {
    const choices = members.map((member) => `${program} ${member}`).join(", ");
    const fault = words.length > 1 ? `there is no command "${typed}"` : `"${group}" needs another word`;
    return new TypeError(`${fault}: ${choices}; see ${program} --help`);
  }
  const meant = nearest(typed, commands) ?? nearest(group, [...commands, "--help", "--version"]);
  const rest = meant === undefined ? "; see" : `. Did you mean "${program} ${meant}"? See`;
  return new TypeError(`there is no command "${typed}"${rest} ${program} --help`);
}
