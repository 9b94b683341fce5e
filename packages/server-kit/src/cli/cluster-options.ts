import { NATS_OPTIONS, type NatsOptions, type NatsSettings, readNatsOptions } from "../options/nats-options.ts";
import { options } from "../options/option.ts";
import { readOptions } from "../options/read-options.ts";
import { parseOptions } from "./parse-options.ts";
import { flagOptions, readFlags } from "./server-program.ts";

/** The command line of a command for servers that share their data. */
export interface ClusterOptions {
  readonly nats: NatsSettings;
  /** Value of `--node-name`. */
  readonly nodeName: string | undefined;
  /** Value of `--from`. */
  readonly from: string | undefined;
  /** Value of `--config`. */
  readonly config: string | undefined;
  readonly positionals: readonly string[];
}

const SCHEMA = options<NatsOptions>(NATS_OPTIONS);

/**
 * Parses the flags of NATS (`--nats` …), `--from`, `--config`, and positional arguments: for the commands `cluster …` of a server.
 *
 * @param prefix the prefix of streams if `--nats-prefix` is not given.
 * @throws TypeError
 */
export function parseClusterOptions(program: string, args: readonly string[], prefix: string): ClusterOptions {
  const config = {
    args: [...args],
    options: { ...flagOptions(SCHEMA), from: { type: "string" }, config: { type: "string" } },
    allowPositionals: true,
  } as const;
  const { values, positionals } = parseOptions(program, config);
  const { from, config: configFile, ...flags } = values as Record<string, string | undefined>;
  const nats = readNatsOptions(readOptions(SCHEMA, readFlags(SCHEMA, flags)), { prefix });
  if (nats === undefined) throw new TypeError("missing option --nats <url>,…: the addresses of the NATS servers");
  return { nats, nodeName: flags["node-name"], from, config: configFile, positionals };
}
