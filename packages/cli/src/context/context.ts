import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { parseEnv } from "node:util";
import { systemReason } from "@parley/core/internal";
import type { Runtime } from "../command/runtime.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import { CONTEXT_VARIABLES, contextsPath, readContexts, writeContexts } from "../settings/contexts.ts";
import { hasUrl, pick, unknownContext } from "../settings/settings.ts";

/** A context as `parley context` prints it: without keys. */
export interface ContextOutput {
  readonly name: string;
  readonly current: boolean;
  readonly nodeUrl?: string | undefined;
  readonly apiUrl?: string | undefined;
  readonly relayUrl?: string | undefined;
  /** Names of all variables that are set. */
  readonly variables: readonly string[];
}

/** What `parley context list --json` prints. */
export interface ContextsOutput {
  readonly contexts: readonly ContextOutput[];
}

const NAME = /^[\w.-]{1,64}$/;

/** Adds or replaces a context. @throws CliError `usage`, `env_unreadable`, `contexts_unreadable`, `contexts_unwritable` */
export async function addContext({ environment, output }: Runtime, { from }: { readonly from?: string }, name: string): Promise<void> {
  // "none" stands for no context.
  if (!NAME.test(name) || name === "none" || name === "__proto__")
    throw usageError(`${name} cannot name a context`, "use letters, digits, dots, hyphens and underscores");
  const variables = pick(from === undefined ? environment : parseEnv(await readText(from)));
  if (!hasUrl(variables)) {
    const place = from === undefined ? "the environment" : from === "-" ? "standard input" : from;
    throw usageError(`${place} has no URL of a server`, "set LAYR8_NODE_URL, or SKYTALE_API_URL and SKYTALE_RELAY, with their keys");
  }
  const path = contextsPath(environment);
  const { current = name, contexts } = await readContexts(path);
  await writeContexts(path, { current, contexts: { ...contexts, [name]: variables } });
  output.note(`Added context ${name} to ${path}${current === name ? "; it is the current one" : ""}.`);
}

/** Chooses the current context. @throws CliError `unknown_context` */
export async function useContext({ environment, output }: Runtime, _options: object, name: string): Promise<void> {
  const path = contextsPath(environment);
  const { contexts } = await readContexts(path);
  if (!Object.hasOwn(contexts, name)) throw unknownContext(name, Object.keys(contexts));
  await writeContexts(path, { current: name, contexts });
  output.note(`The current context is ${name}.`);
}

/** Removes a context. Afterwards there may be no current one. @throws CliError `unknown_context` */
export async function removeContext({ environment, output }: Runtime, _options: object, name: string): Promise<void> {
  const path = contextsPath(environment);
  const { current, contexts } = await readContexts(path);
  if (!Object.hasOwn(contexts, name)) throw unknownContext(name, Object.keys(contexts));
  const others = Object.fromEntries(Object.entries(contexts).filter(([each]) => each !== name));
  await writeContexts(path, { ...(current !== undefined && current !== name && { current }), contexts: others });
  output.note(`Removed context ${name}.`);
}

/** Prints all contexts without their keys. */
export async function listContexts({ environment, output }: Runtime): Promise<void> {
  const { current, contexts } = await readContexts(contextsPath(environment));
  const list = Object.entries(contexts).map(
    ([name, { LAYR8_NODE_URL: nodeUrl, SKYTALE_API_URL: apiUrl, SKYTALE_RELAY: relayUrl, ...rest }]): ContextOutput => ({
      name,
      current: name === current,
      ...(nodeUrl !== undefined && { nodeUrl }),
      ...(apiUrl !== undefined && { apiUrl }),
      ...(relayUrl !== undefined && { relayUrl }),
      variables: CONTEXT_VARIABLES.filter((variable) => Object.hasOwn({ ...contexts[name], ...rest }, variable)),
    }),
  );
  const result: ContextsOutput = { contexts: list };
  output.data(
    result,
    () => list.map((each) => [each.current ? "*" : " ", each.name, each.nodeUrl ?? each.apiUrl ?? ""].join(" ")).join("\n"),
    "No contexts are stored.",
  );
}

async function readText(path: string): Promise<string> {
  try {
    return await (path === "-" ? text(process.stdin) : readFile(path, "utf8"));
  } catch (error) {
    throw new CliError("env_unreadable", `${path} cannot be read: ${systemReason(error)}`, {
      exit: EXIT.usage,
      remedy: "name another file with --from",
      cause: error,
    });
  }
}
