import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { nearest, systemCode, systemReason } from "@parley/core/internal";
import { type DevState, findDevState, isRunning } from "../dev/dev-state.ts";
import { CliError, EXIT } from "../cli-error.ts";
import { CONTEXT_VARIABLES, contextsPath, readContexts, type Variables } from "./contexts.ts";

/** Name of the place that a running `parley dev` is. */
export const DEV = "parley dev";

/** A place that has variables of agents. */
export interface SettingsSource {
  /** `environment`, `.env`, `parley dev`, or `context <name>`. */
  readonly name: string;
  /** The file that has them. */
  readonly path?: string | undefined;
  readonly variables: Variables;
}

/** The variables of agents, and where they come from. */
export interface Settings {
  readonly source: SettingsSource | undefined;
  /** Other places that have variables and were not used. */
  readonly others: readonly SettingsSource[];
}

/** Input of {@link findSettings}. */
export interface SettingsOptions {
  readonly environment: Readonly<NodeJS.ProcessEnv>;
  readonly cwd: string;
  /** Name of a context; `none` for no context. Default: `PARLEY_CONTEXT`. */
  readonly context?: string | undefined;
}

/**
 * Finds the variables of agents. A named context wins; otherwise the first of these that has a URL: environment, `.env` of the directory,
 * running `parley dev`, current context. The places are not mixed, so that a key is never sent to the server of another place.
 *
 * @throws CliError `unknown_context`, `contexts_unreadable`, `env_unreadable`
 */
export async function findSettings({ environment, cwd, context }: SettingsOptions): Promise<Settings> {
  const name = context ?? (environment["PARLEY_CONTEXT"] || undefined);
  const path = contextsPath(environment);
  const { current, contexts } = await readContexts(path);
  if (name !== undefined && name !== "none") {
    const variables = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
    if (variables === undefined) throw unknownContext(name, Object.keys(contexts));
    return { source: { name: `context ${name}`, path, variables }, others: [] };
  }
  const found: SettingsSource[] = [];
  const own = pick(environment);
  if (hasUrl(own)) found.push({ name: "environment", variables: own });
  const file = await readEnvFile(join(cwd, ".env"));
  if (file !== undefined && hasUrl(file.variables)) found.push(file);
  const dev = await findDevState(undefined, cwd);
  if (dev !== undefined && (await isRunning(dev))) {
    found.push({ name: DEV, path: dev.directory, variables: devVariables(dev.state) });
  }
  const variables = name === undefined && current !== undefined && Object.hasOwn(contexts, current) ? contexts[current] : undefined;
  if (variables !== undefined) found.push({ name: `context ${current ?? ""}`, path, variables });
  const [source, ...others] = found;
  return { source, others };
}

/** The admin server of `parley dev` shows both servers. */
function devVariables({ environment, consoleUrl }: DevState): Variables {
  return { ...environment, ...(consoleUrl !== undefined && { LAYR8_ADMIN_URL: consoleUrl, SKYTALE_ADMIN_URL: consoleUrl }) };
}

/** @throws CliError `not_configured` */
export function requireSource({ source }: Settings): SettingsSource {
  if (source !== undefined) return source;
  throw new CliError("not_configured", "no server is known: neither the environment, nor .env, nor parley dev, nor a context has its URL", {
    exit: EXIT.usage,
    remedy: "start `parley dev`, or set LAYR8_NODE_URL and LAYR8_API_KEY, or add a context: `parley context add --help`",
  });
}

async function readEnvFile(path: string): Promise<SettingsSource | undefined> {
  try {
    return { name: ".env", path, variables: pick(parseEnv(await readFile(path, "utf8"))) };
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "EISDIR") return undefined;
    throw new CliError("env_unreadable", `${path} cannot be read: ${systemReason(error)}`, { cause: error });
  }
}

/** The variables of agents that are set. */
export function pick(variables: Readonly<NodeJS.ProcessEnv>): Variables {
  return Object.fromEntries(
    CONTEXT_VARIABLES.flatMap((name) => {
      const value = variables[name]?.trim() ?? "";
      return value === "" ? [] : [[name, value]];
    }),
  );
}

/** Whether they name a server. */
export function hasUrl(variables: Variables): boolean {
  return URLS.some((name) => variables[name] !== undefined);
}

const URLS = ["LAYR8_NODE_URL", "SKYTALE_API_URL", "SKYTALE_RELAY", "LAYR8_ADMIN_URL", "SKYTALE_ADMIN_URL"] as const;

/** The servers that can be administered. */
export type ServerName = "node" | "skytale";

/** Variables of each server: the address of its admin server, and its own. */
export const ADMIN_VARIABLES: Readonly<Record<ServerName, { readonly admin: keyof Variables; readonly server: keyof Variables }>> = {
  node: { admin: "LAYR8_ADMIN_URL", server: "LAYR8_NODE_URL" },
  skytale: { admin: "SKYTALE_ADMIN_URL", server: "SKYTALE_API_URL" },
};

/**
 * The address of the admin server of the server that is used. `.env` has no admin server of `parley dev`, so another place counts, too, if it
 * has the same server.
 */
export function adminUrlOf({ source, others }: Settings, name: ServerName): string | undefined {
  const { admin, server } = ADMIN_VARIABLES[name];
  const used = source?.variables;
  if (used === undefined || used[admin] !== undefined) return used?.[admin];
  return others.find(({ variables }) => variables[admin] !== undefined && variables[server] === used[server])?.variables[admin];
}

/** The error for a name that no context has. */
export function unknownContext(name: string, known: readonly string[]): CliError {
  const meant = nearest(name, known);
  const hint = meant === undefined ? "" : `Did you mean ${meant}? `;
  return new CliError("unknown_context", `unknown context ${name}`, {
    exit: EXIT.usage,
    remedy: `${hint}\`parley context list\` shows all contexts`,
  });
}
