import { parseArgs, type ParseArgsConfig } from "node:util";
import { nearest } from "@parley/core/internal";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** A long option such as `--data-dir`. A random id has this form with a probability of 10⁻⁹. */
const LONG_OPTION = /^--[a-z][a-z-]*$/;

/**
 * Calls `parseArgs` of Node. Its error for an unknown option names the nearest valid one.
 *
 * @param command the command whose `--help` the error mentions.
 * @param id the form of ids among the positional arguments. An argument of this form is an id even if it begins with `-`, as one of 64 ids in
 *   base64url does.
 * @throws TypeError
 */
export function parseOptions<T extends ParseArgsConfig>(command: string, config: T, id?: RegExp): ReturnType<typeof parseArgs<T>> {
  try {
    const sorted = id === undefined ? config : { ...config, args: idsLast(config.args ?? [], id) };
    rejectRepeated(parseArgs({ ...sorted, tokens: true }).tokens ?? [], config.options ?? {});
    return parseArgs(sorted);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const unknown = /^Unknown option '(--?[^']+)'/.exec(error.message)?.[1];
    if (unknown === undefined) throw new TypeError(`${inOneSentence(error.message)}; see ${command} --help`, { cause: error });
    const known = Object.keys(config.options ?? {});
    const meant = nearest(unknown.replace(/^-+/, ""), known);
    const hint = meant === undefined ? "" : ` Did you mean --${meant}?`;
    throw new TypeError(`Unknown option ${unknown}.${hint} See ${command} --help`, { cause: error });
  }
}

/** Rejects an option that is given twice: `parseArgs` would silently use the last value. @throws TypeError */
function rejectRepeated(tokens: readonly { readonly kind: string; readonly name?: string }[], options: Options): void {
  const seen = new Set<string>();
  for (const { kind, name } of tokens) {
    if (kind !== "option" || name === undefined || options[name]?.multiple === true) continue;
    if (seen.has(name)) throw new TypeError(`--${name} is given twice: give it once`);
    seen.add(name);
  }
}

/** Rewords Node's errors for a missing or an unexpected value. */
function inOneSentence(message: string): string {
  const missing = /^Option '(?:-\w, )?(--[\w-]+)(?: <value>)?' argument (?:missing|is ambiguous)/.exec(message)?.[1];
  if (missing !== undefined) return `${missing} needs a value: ${missing} <value>, or ${missing}=<value> if it begins with a dash`;
  const flag = /^Option '(?:-\w, )?(--[\w-]+)' does not take an argument/.exec(message)?.[1];
  if (flag !== undefined) return `${flag} takes no value: leave out "=" and what follows it`;
  const extra = /^Unexpected argument '([^']*)'/.exec(message)?.[1];
  return extra === undefined ? message : `Unexpected argument "${extra}": leave it out, or name its option before it`;
}

/** Moves ids that begin with `-` behind `--`, where `parseArgs` treats every argument as positional. */
function idsLast(args: readonly string[], id: RegExp): string[] {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const options = args.slice(0, end);
  const isDashedId = (arg: string): boolean => arg.startsWith("-") && id.test(arg) && !LONG_OPTION.test(arg);
  return [...options.filter((arg) => !isDashedId(arg)), "--", ...options.filter(isDashedId), ...args.slice(end + 1)];
}
