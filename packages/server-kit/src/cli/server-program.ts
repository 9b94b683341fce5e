import { describeThrown, rejectUnknownOptions } from "@parley/core/internal";
import type { Logger } from "pino";
import { LOG_LEVELS, serverLogger } from "../server-logger.ts";
import type { OptionSchema } from "../options/option.ts";
import { describeOptions, readOptions } from "../options/read-options.ts";
import { keepHeapHeadroom } from "../lifecycle/heap-headroom.ts";
import { writeEnvFile } from "./env-file.ts";
import { couldBeCommitted } from "./git-ignore.ts";
import { parseOptions } from "./parse-options.ts";
import { readConfigFile } from "./read-config-file.ts";
import { loadTelemetry } from "./load-telemetry.ts";
import type { Environment } from "./run-command.ts";
import { withOneProxy } from "../connections/trust-proxy.ts";

/** A flag of a command line. */
export interface Flag {
  /** The placeholder of its value, such as `<n>`; `""` for a switch. */
  readonly value: string;
  /** Whether it may be repeated. */
  readonly multiple?: boolean;
  /** Its line in the help. */
  readonly help: string;
}

/** Values of flags: texts, lists of texts for those that may be repeated, `true` for switches. */
export type FlagValues = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/** A server as its command starts it. */
export interface ServerProgram<Options extends object, Server extends { close(): Promise<void> }> {
  readonly name: string;
  readonly schema: OptionSchema<Options>;
  /** Flags in addition to those of single options. */
  readonly flags: Readonly<Record<string, Flag>>;
  /** Options that follow from these flags and from the environment, in addition to those of `--config` and of single flags. */
  readonly complete: (options: Options, values: FlagValues, environment: Environment) => Partial<Options>;
  /**
   * Loads and starts the server.
   *
   * @param readConfigAgain reads the file of `--config` again, and checks it. Absent without the flag. @throws TypeError
   */
  readonly start: (
    options: Options & { readonly logger: Logger },
    readConfigAgain: (() => Promise<Partial<Options>>) | undefined,
  ) => Promise<Server>;
  /** Puts in force what a running server can take from its changed configuration. Called for SIGHUP. Returns what was done, for the log. */
  readonly reload?: (server: Server) => Promise<string>;
  /** What agents need: printed, and written by `--write-env`. Those that are `undefined` are left out. */
  readonly variables: (server: Server) => Readonly<Record<string, string | undefined>>;
  /** What to log if the server created no API key. */
  readonly keyHint: (options: Options) => string | undefined;
}

/** What determines the flags of a server. */
interface FlagSources {
  readonly schema: OptionSchema<unknown>;
  readonly flags: Readonly<Record<string, Flag>>;
}

/** Flags of every server. */
const COMMON_FLAGS: Readonly<Record<string, Flag>> = {
  "write-env": {
    value: "<file>",
    help: "Write what agents need into a file for node --env-file (mode 0600); an API key only when it is new",
  },
  config: { value: "<file>", help: "JSON file" },
  telemetry: {
    value: "<module>",
    help: "JavaScript module that receives spans: its default export is otel() of @parley/otel, and it registers an OpenTelemetry SDK",
  },
  log: { value: "<level>", help: `${LOG_LEVELS.slice(0, -1).join(", ")} or ${LOG_LEVELS.at(-1)} (default info)` },
};

/** Runs a server until SIGINT or SIGTERM. Prints what agents need. @throws TypeError for wrong flags, variables or files; as `program.start` */
export async function runServer<Options extends object, Server extends { close(): Promise<void> }>(
  program: ServerProgram<Options, Server>,
  args: readonly string[],
  environment: Environment,
): Promise<void> {
  const values = parseFlags(program, args);
  const level = values["log"] ?? "info";
  if (typeof level !== "string" || !LOG_LEVELS.includes(level)) throw new TypeError(`--log must be one of ${LOG_LEVELS.join(", ")}`);
  const base = { ...(await readConfig(program.schema, values["config"])), ...readFlags(program.schema, values) } as Options;
  const options = { ...base, ...program.complete(base, values, environment) };
  const logger = serverLogger(program.name, level);
  const readAgain =
    values["config"] === undefined ? undefined : () => readConfig(program.schema, values["config"]) as Promise<Partial<Options>>;
  const telemetry = typeof values["telemetry"] === "string" ? await loadTelemetry(values["telemetry"]) : undefined;
  const server = await program.start({ ...options, ...(telemetry && { telemetry }), logger }, readAgain);
  keepHeapHeadroom();
  const { reload } = program;
  if (reload !== undefined) process.on("SIGHUP", () => void reloadServer(() => reload(server), logger));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void server.close());
  const variables = program.variables(server);
  const known = Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined);
  // An API key is printed intentionally: it can't be read again.
  for (const [name, value] of known) console.log(`${name}=${value}`);
  const hint = known.length === Object.keys(variables).length ? undefined : program.keyHint(options);
  if (hint !== undefined) logger.info(hint);
  if (typeof values["write-env"] !== "string") return;
  await writeEnvFile(values["write-env"], Object.fromEntries(known)).catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
  if (await couldBeCommitted(values["write-env"]))
    logger.warn(`git does not ignore ${values["write-env"]}, which has API keys: add it to .gitignore`);
}

async function reloadServer(reload: () => Promise<string>, logger: Logger): Promise<void> {
  try {
    const done = await reload();
    logger.warn(done);
  } catch (error) {
    logger.error({ reason: describeThrown(error) }, "reload failed: the present configuration stays in force");
  }
}

/** All flags that start a server, by name. */
export function flagsOf({ schema, flags }: FlagSources): Readonly<Record<string, Flag>> {
  const own = describeOptions(schema).flatMap(({ name, flag }) =>
    flag === undefined ? [] : [[flagName(name), { value: flag, help: "" }]],
  );
  return { ...(Object.fromEntries(own) as Record<string, Flag>), ...flags, ...COMMON_FLAGS };
}

/** The flags of a schema's options, as `parseArgs` takes them. */
export function flagOptions(schema: OptionSchema<unknown>): Readonly<Record<string, { readonly type: "string" | "boolean" }>> {
  const flags = describeOptions(schema).flatMap(({ name, flag }) =>
    flag === undefined ? [] : [[flagName(name), { type: flag === "" ? "boolean" : "string" }] as const],
  );
  return Object.fromEntries(flags);
}

/** The flag of an option: `data-dir` for `dataDir`. */
function flagName(option: string): string {
  return option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function parseFlags(program: FlagSources & { readonly name: string }, args: readonly string[]): FlagValues {
  const parsed = Object.entries(flagsOf(program)).map(
    ([name, { value, multiple = false }]) => [name, { type: value === "" ? "boolean" : "string", multiple }] as const,
  );
  return parseOptions(program.name, { args: withOneProxy(args), options: Object.fromEntries(parsed) }).values;
}

/** The options that flags of the same name set. */
export function readFlags(schema: OptionSchema<unknown>, values: FlagValues): object {
  const given = describeOptions(schema).flatMap(({ name, flag, read }) => {
    const value = flag === undefined ? undefined : values[flagName(name)];
    if (value === undefined) return [];
    return [[name, typeof value === "string" && read !== undefined ? read(`--${flagName(name)}`, value) : value]];
  });
  return Object.fromEntries(given) as object;
}

async function readConfig(schema: OptionSchema<unknown>, path: FlagValues[string]): Promise<object> {
  if (typeof path !== "string") return {};
  const names = describeOptions(schema).filter(({ inConfig }) => inConfig !== false);
  return readConfigFile(path, (config) => {
    rejectUnknownOptions(
      config,
      Array.from(names, ({ name }) => name),
    );
    readOptions(schema, config);
  });
}
