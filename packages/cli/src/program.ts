import { Command } from "commander";
import type { Host } from "./host.ts";

/** Adds a command with its options and arguments to the program. */
type Declare = (program: Command, host: Host) => void;

/** A command as it stands in the program's help. */
interface Entry {
  readonly summary: string;
  /** Loads the options, arguments and help text. The body is loaded when the command runs. */
  readonly load: () => Promise<Declare>;
}

/** All commands, in the order of the help text. `--help` loads none of their modules: each would add a millisecond. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  dev: {
    summary: "run a node and a skytale server for development",
    load: async () => (await import("./dev/declare-dev.ts")).declareDev,
  },
  run: {
    summary: "run a command with the environment of the development servers",
    load: async () => (await import("./run/declare-run.ts")).declareRun,
  },
  doctor: {
    summary: "check this machine, the servers and the keys",
    load: async () => (await import("./doctor/declare-doctor.ts")).declareDoctor,
  },
  send: {
    summary: "send a message",
    load: async () => (await import("./messages/declare-messages.ts")).declareSend,
  },
  request: {
    summary: "send a request and print the response",
    load: async () => (await import("./messages/declare-messages.ts")).declareRequest,
  },
  listen: {
    summary: "print the messages that arrive",
    load: async () => (await import("./messages/declare-messages.ts")).declareListen,
  },
  ping: {
    summary: "measure the time to an agent and back",
    load: async () => (await import("./messages/declare-messages.ts")).declarePing,
  },
  inspect: {
    summary: "show what is known about an agent",
    load: async () => (await import("./inspect/declare-inspect.ts")).declareInspect,
  },
  channels: {
    summary: "create and join encrypted channels, and send on them",
    load: async () => (await import("./channels/declare-channels.ts")).declareChannels,
  },
  credentials: {
    summary: "issue, verify, store and list credentials",
    load: async () => (await import("./credentials/declare-credentials.ts")).declareCredentials,
  },
  audit: {
    summary: "export and verify audit chains",
    load: async () => (await import("./audit/declare-audit.ts")).declareAudit,
  },
  bridge: {
    summary: "translate between A2A, MCP and SLIM on channels",
    load: async () => (await import("./bridge/declare-bridge.ts")).declareBridge,
  },
  agents: {
    summary: "list and delete the agents of a node",
    load: async () => (await import("./admin/declare-admin.ts")).declareAgents,
  },
  accounts: {
    summary: "list and delete the accounts of a skytale server",
    load: async () => (await import("./admin/declare-admin.ts")).declareAccounts,
  },
  inbox: {
    summary: "see, redeliver and purge the messages that wait for an agent",
    load: async () => (await import("./admin/declare-admin.ts")).declareInbox,
  },
  outbound: {
    summary: "see and purge the messages that wait for other nodes",
    load: async () => (await import("./admin/declare-admin.ts")).declareOutbound,
  },
  "dead-letters": {
    summary: "see, replay and purge messages that failed permanently",
    load: async () => (await import("./admin/declare-admin.ts")).declareDeadLetters,
  },
  keys: {
    summary: "create, list and revoke API keys while a server runs",
    load: async () => (await import("./admin/declare-admin.ts")).declareKeys,
  },
  policies: {
    summary: "reload the policies of a node",
    load: async () => (await import("./admin/declare-admin.ts")).declarePolicies,
  },
  backup: {
    summary: "back up a server, running or not",
    load: async () => (await import("./admin/declare-admin.ts")).declareBackup,
  },
  restore: {
    summary: "create a data directory from a backup",
    load: async () => (await import("./admin/declare-admin.ts")).declareRestore,
  },
  context: {
    summary: "name servers and keys, and choose which ones are used",
    load: async () => (await import("./context/declare-context.ts")).declareContext,
  },
  did: {
    summary: "look up DIDs",
    load: async () => (await import("./did/declare-did.ts")).declareDid,
  },
  completion: {
    summary: "print the completion script of a shell",
    load: async () => (await import("./completion/declare-completion.ts")).declareCompletion,
  },
};

/** The command that completion scripts call. */
const COMPLETE = "__complete";

const ABOUT = `
Standard output has data, standard error has everything else; --json of each command prints JSON.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 timed out, 5 unreachable, 130 interrupted.`;

/**
 * The command line.
 *
 * @param names the commands that are declared in full; the others have name and summary only.
 */
export async function createProgram(host: Host, names: readonly string[]): Promise<Command> {
  const program = new Command("parley")
    .description("Messaging for AI agents: development servers, checks, messages, channels, keys and credentials.")
    .version(host.version, "-v, --version", "print the version")
    .usage("<command> [options]")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .enablePositionalOptions()
    .showSuggestionAfterError()
    // Every command ends through an exception, which bin.ts turns into an exit code.
    .exitOverride()
    // bin.ts writes errors in the form of all others.
    .configureOutput({ outputError: () => undefined })
    .configureHelp({ subcommandTerm: (command) => command.name(), subcommandDescription: (command) => command.summary() })
    .addHelpText("after", ABOUT);
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    if (names.includes(name)) (await load())(program, host);
    else program.command(name).summary(summary);
  }
  if (names.includes(COMPLETE)) (await import("./completion/declare-completion.ts")).declareComplete(program, host, createProgram);
  for (const command of program.commands) describeHelp(command);
  return program;
}

function describeHelp(command: Command): void {
  command.helpOption("-h, --help", "print help").helpCommand(false);
  for (const child of command.commands) describeHelp(child);
}
