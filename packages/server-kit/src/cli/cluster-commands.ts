import { closeAll } from "@parley/core/internal";
import type { LmdbOptions } from "@parley/storage-lmdb";
import type { ServerStorage } from "../lifecycle/server-storage.ts";
import type { NatsSettings } from "../options/nats-options.ts";
import { type ClusterOptions, parseClusterOptions } from "./cluster-options.ts";
import type { Command } from "./run-command.ts";
import { withDataDirectory } from "./with-data-directory.ts";

/** The parts of `@parley/jetstream` that the commands need. Operators who use them install it. */
export interface ClusterTools<Connection> {
  readonly JetstreamConnection: { connect(nats: NatsSettings): Promise<Connection> };
  /** Lines about the NATS servers, the servers that share the data, and the streams. */
  describeCluster(connection: Connection): Promise<readonly string[]>;
  /** Both return the number of messages of each stream. */
  exportStreams(connection: Connection, directory: string): Promise<ReadonlyMap<string, number>>;
  restoreStreams(connection: Connection, directory: string): Promise<ReadonlyMap<string, number>>;
}

/** A server whose data several of its kind can share. */
export interface ClusterProgram<Tools> {
  /** Name of the program, such as `layr8-node`. */
  readonly program: string;
  /** Prefix of streams if none is given. */
  readonly prefix: string;
  /** Loads `@parley/jetstream`. @throws TypeError if it is not installed */
  readonly load: () => Promise<Tools>;
}

/** How a data directory is copied to NATS. */
export interface DirectoryImport<Source, Connection> {
  /** Loads the code that opens the directory: only after the arguments are checked. `config`: file of `--config`, the server's configuration. */
  readonly load: (config: string | undefined) => Promise<{ readonly schema: LmdbOptions; open(storage: ServerStorage): Promise<Source> }>;
  /** Copies it. Resolves to what is printed. */
  run(source: Source, connection: Connection, options: ClusterOptions & { readonly from: string }): Promise<readonly string[]>;
}

const REMEDY = "This command works while no server runs on the directory: stop the server first";

/** The commands `cluster …` of a server. */
export class ClusterCommands<Connection extends { close(): Promise<void> }, Tools extends ClusterTools<Connection>> {
  readonly #program: ClusterProgram<Tools>;

  constructor(program: ClusterProgram<Tools>) {
    this.#program = program;
  }

  /** Prefix of streams if none is given. */
  get prefix(): string {
    return this.#program.prefix;
  }

  /** Connects to NATS for the time of a command. @throws JetstreamError; TypeError if the package is not installed */
  async connected(nats: NatsSettings, use: (tools: Tools, connection: Connection) => Promise<void>): Promise<void> {
    const tools = await this.#program.load();
    const connection = await tools.JetstreamConnection.connect(nats);
    await closeAll(
      () => use(tools, connection),
      () => connection.close(),
    );
  }

  /** Shows NATS servers, streams, and the servers that share the data. */
  readonly status: Command = async (args) => {
    const { nats } = this.#parse(args);
    await this.connected(nats, async (tools, connection) => {
      for (const line of await tools.describeCluster(connection)) console.log(line);
    });
  };

  /** Copies all streams into files. */
  readonly export: Command = (args) =>
    this.#withDirectory("export", args, (tools, connection, directory) => tools.exportStreams(connection, directory));

  /** Creates all streams from files. */
  readonly restore: Command = (args) =>
    this.#withDirectory("restore", args, (tools, connection, directory) => tools.restoreStreams(connection, directory));

  /** The command that copies a data directory to NATS. */
  importCommand<Source>({ load, run }: DirectoryImport<Source, Connection>): Command {
    return async (args) => {
      const options = this.#parse(args);
      const { nats, from, config } = options;
      if (from === undefined) throw new TypeError("missing option --from <path>: the data directory to import");
      await withDataDirectory({ dataDir: from, load: () => load(config), remedy: REMEDY }, (source) =>
        this.connected(nats, async (_, connection) => {
          for (const line of await run(source, connection, { ...options, from })) console.log(line);
        }),
      );
    };
  }

  #parse(args: readonly string[]): ClusterOptions {
    return parseClusterOptions(this.#program.program, args, this.#program.prefix);
  }

  async #withDirectory(
    command: string,
    args: readonly string[],
    copy: (tools: Tools, connection: Connection, directory: string) => Promise<ReadonlyMap<string, number>>,
  ): Promise<void> {
    const { nats, positionals } = this.#parse(args);
    const [directory, extra] = positionals;
    if (directory === undefined || extra !== undefined)
      throw new TypeError(`${this.#program.program} cluster ${command} needs one directory`);
    await this.connected(nats, async (tools, connection) => {
      for (const [stream, messages] of await copy(tools, connection, directory)) console.log(`${stream}\t${messages} messages`);
    });
  }
}
