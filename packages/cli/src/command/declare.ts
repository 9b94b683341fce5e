import { Command, InvalidArgumentError, Option } from "commander";
import type { Host } from "../host.ts";
import { createRuntime, type Runtime } from "./runtime.ts";

/** The body of a command. Resolves to the exit code; nothing is 0. */
export type Body<A extends readonly unknown[], O> = (runtime: Runtime, options: O, ...args: A) => Promise<number | void>;

/**
 * Gives a command its body, which is loaded when the command runs: help and errors of the command line load nothing else.
 *
 * @param load imports the module of the command.
 * @param handlesSignals `false` for a command that handles signals itself.
 */
export function runs<A extends readonly unknown[], O extends object>(
  command: Command,
  host: Host,
  load: () => Promise<Body<A, O>>,
  { handlesSignals = true }: { readonly handlesSignals?: boolean } = {},
): Command {
  command.addOption(new Option("--json", "print JSON by a published schema"));
  return command.action(async (...given: unknown[]) => {
    const options = command.optsWithGlobals<O & { readonly json?: boolean }>();
    const args = given.slice(0, -2) as unknown as A;
    const runtime = createRuntime(host, { isJson: options.json === true, handlesSignals, isGiven: (option) => isGiven(command, option) });
    process.exitCode = (await (await load())(runtime, options, ...args)) ?? 0;
  });
}

/** Whether an option, such as `--timeout`, is on the command line: its value is neither the default nor from the environment. */
function isGiven(command: Command, name: string): boolean {
  const option = command.options.find(({ long }) => long === name);
  return option !== undefined && command.getOptionValueSource(option.attributeName()) === "cli";
}

/** Reads a port. Called by commander for an option's value. */
export function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError("A port is a whole number from 0 to 65535; 0 takes a free one.");
  return port;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** The longest delay of a timer. */
const MAX_MS = 2 ** 31 - 1;

/** Reads a time such as `500ms`, `10s` or `2m`; a number alone is seconds. Returns milliseconds. Called by commander. */
export function readTimeout(text: string): number {
  const [, amount = "", unit = "s"] = /^(\d{1,9})(ms|s|m|h)?$/.exec(text) ?? [];
  const ms = amount === "" ? 0 : Number(amount) * (UNITS[unit] ?? 0);
  if (ms < 1 || ms > MAX_MS) throw new InvalidArgumentError("A time is a number with a unit, such as 500ms, 10s or 2m.");
  return ms;
}

/** Reads a count from 1. Called by commander for the value of an option. */
export function readCount(text: string): number {
  const count = Number(text);
  if (!/^\d{1,9}$/.test(text) || count < 1) throw new InvalidArgumentError("A count is a whole number from 1.");
  return count;
}

/** Reads the number of a message or dead letter. Called by commander for an argument. */
export function readNumber(text: string): string {
  if (!/^[1-9]\d{0,15}$/.test(text)) throw new InvalidArgumentError("A number is a whole number from 1, as `list` prints it.");
  return text;
}

/** Reads one of several numbers. */
export function readNumbers(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, readNumber(text)];
}
