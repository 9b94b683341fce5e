import { systemReason } from "@parley/core/internal";
import { couldBeCommitted, writeEnvFile } from "@parley/server-kit";
import { pino, type Logger } from "pino";
import { rejectUnused } from "../command/reject-unused.ts";
import type { Runtime } from "../command/runtime.ts";
import { CliError } from "../cli-error.ts";
import type { Output } from "../output/output.ts";
import { DevDirectory } from "./dev-directory.ts";
import { VARIABLES, type DevEnvironment } from "./dev-state.ts";
import { devSource } from "./dev-source.ts";
import { TryAgents } from "./try-agents.ts";
import { isQuiet, readEvent, type DevSource } from "./event.ts";
import { formatEvent } from "./event-line.ts";
import { openInBrowser } from "./open-in-browser.ts";
import type { SecondNode } from "./second-node.ts";
import { startServers } from "./servers.ts";

/** Options of `parley dev`. */
interface DevOptions {
  readonly data: string;
  readonly memory?: boolean;
  readonly reset?: boolean;
  /** `false`: no file. */
  readonly env: string | false;
  readonly nodePort: number;
  readonly apiPort: number;
  readonly relayPort: number;
  readonly adminPort: number;
  readonly secondPort: number;
  /** `false`: no console. */
  readonly admin: boolean;
  readonly twoNodes?: boolean;
  readonly open?: boolean;
  readonly freePorts?: boolean;
  readonly verbose?: boolean;
}

const PORTS = ["--node-port", "--api-port", "--relay-port", "--admin-port", "--second-port"];

/** The first object that `parley dev --json` prints. */
export interface DevReady {
  readonly event: "ready";
  readonly pid: number;
  /** Absolute path of the data directory. */
  readonly data: string;
  readonly environment: DevEnvironment;
  /** Address of the console, with its token. */
  readonly console?: string | undefined;
  /** The second node of `--two-nodes`. */
  readonly secondNode?: SecondNode | undefined;
}

/**
 * Runs both servers until a signal. Prints the environment of agents, then a line for each event.
 *
 * @throws CliError `usage`, and those of directory, ports and the environment file; then nothing is left running.
 */
export async function dev(runtime: Runtime, options: DevOptions): Promise<void> {
  const { version, environment: given, output, signal } = runtime;
  const {
    data,
    memory = false,
    reset = false,
    env,
    nodePort,
    apiPort,
    relayPort,
    adminPort,
    admin,
    freePorts = false,
    verbose = false,
  } = options;
  if (freePorts) rejectUnused(runtime, PORTS, "--free-ports takes free ports for all");
  if (!admin) rejectUnused(runtime, ["--admin-port", "--open"], "--no-admin leaves the console out");
  if (options.twoNodes !== true) rejectUnused(runtime, ["--second-port"], "only --two-nodes starts a second node");
  const directory = await DevDirectory.open(data, { reset });
  try {
    const servers = await startServers({
      directory,
      inMemory: memory,
      ports: freePorts
        ? { node: 0, api: 0, relay: 0, admin: 0, second: 0 }
        : { node: nodePort, api: apiPort, relay: relayPort, admin: adminPort, second: options.secondPort },
      hasConsole: admin,
      hasTwoNodes: options.twoNodes === true,
      loggers: {
        node: loggerFor("node", output, verbose),
        second: loggerFor("node2", output, verbose),
        skytale: loggerFor("skytale", output, verbose),
      },
    });
    try {
      const { admin: console, environment, nodeHttpUrl, consoleUrl, secondNode } = servers;
      const variables = Object.fromEntries(VARIABLES.map((name) => [name, environment[name] ?? ""]));
      const own = { ...given, ...variables, PARLEY_CONTEXT: "none" };
      const agents = new TryAgents(own);
      console?.attach(devSource({ environment: own, cliVersion: version, dataDirectory: directory.path, agents }));
      await directory.writeState({
        pid: process.pid,
        nodeHttpUrl,
        environment,
        inMemory: memory,
        consoleUrl,
        ...(secondNode !== undefined && { secondNode: { url: secondNode.url, domain: secondNode.domain } }),
      });
      if (env !== false) await writeEnvironment(env, variables);
      const ready: DevReady = { event: "ready", pid: process.pid, data: directory.path, environment, console: consoleUrl, secondNode };
      output.data(ready, () => VARIABLES.map((name) => `${name}=${environment[name]}`).join("\n"));
      if (env !== false && (await couldBeCommitted(env)))
        output.note(`git does not ignore ${env}, which has API keys: add it to .gitignore.`);
      if (secondNode !== undefined) noteSecondNode(secondNode, environment, output);
      output.note(memory ? "Data is kept in memory only." : `Data is in ${directory.path}; \`parley dev --reset\` empties it.`);
      output.note(
        env === false
          ? "Agents: parley run -- node agent.mjs"
          : `Agents: node --env-file=${env} agent.mjs, or parley run -- node agent.mjs`,
      );
      if (consoleUrl !== undefined) output.note(`Console: ${consoleUrl}`);
      if (options.open === true && consoleUrl !== undefined) await openInBrowser(directory, consoleUrl, output);
      output.note("Ready. Ctrl-C stops all servers.");
      await aborted(signal);
      output.note("Stopping.");
      await agents.close();
    } finally {
      await servers.close();
    }
  } finally {
    await directory.close();
  }
}

function noteSecondNode({ url, domain, consoleUrl }: SecondNode, { LAYR8_API_KEY }: DevEnvironment, output: Output): void {
  output.note(`Second node: LAYR8_NODE_URL=${url} LAYR8_API_KEY=${LAYR8_API_KEY}`);
  output.note(`Its agents: did:web:${domain}:<name>; those of the first node: did:web:localhost:<name>`);
  if (consoleUrl !== undefined) output.note(`Console of the second node: ${consoleUrl}`);
}

/** Prints a server's log as events. Synchronous, so that nothing is lost at the end. */
function loggerFor(source: DevSource, output: Output, verbose: boolean): Logger {
  return pino(
    { level: "debug" },
    {
      write: (line: string) => {
        const event = readEvent(source, line);
        if (event !== undefined && (verbose || !isQuiet(event))) output.data(event, formatEvent);
      },
    },
  );
}

async function writeEnvironment(path: string, environment: Readonly<Record<string, string>>): Promise<void> {
  try {
    await writeEnvFile(path, { ...environment });
  } catch (error) {
    throw new CliError("env_unwritable", `${path} cannot be written: ${systemReason(error)}`, {
      remedy: "name another file with --env <file>, or use --no-env",
      cause: error,
    });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
