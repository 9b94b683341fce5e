import { mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { systemCode, systemReason } from "@parley/core/internal";
import { replaceFile } from "@parley/storage/directory-lock";
import { CliError, EXIT } from "../cli-error.ts";

/** Variables that a context sets. The addresses of admin servers have their tokens. */
export const CONTEXT_VARIABLES = [
  "LAYR8_NODE_URL",
  "LAYR8_API_KEY",
  "LAYR8_AGENT_DID",
  "SKYTALE_API_URL",
  "SKYTALE_RELAY",
  "SKYTALE_API_KEY",
  "SKYTALE_DATA_DIR",
  "LAYR8_ADMIN_URL",
  "SKYTALE_ADMIN_URL",
] as const;

/** Variables that agents read. */
export type Variables = { readonly [Name in (typeof CONTEXT_VARIABLES)[number]]?: string | undefined };

/** All contexts of a user. */
export interface Contexts {
  /** The context that is used when none is named. */
  readonly current?: string | undefined;
  readonly contexts: Readonly<Record<string, Variables>>;
}

/** Where the contexts are: `$XDG_CONFIG_HOME/parley/contexts.json`, or below `~/.config`. */
export function contextsPath(environment: Readonly<NodeJS.ProcessEnv>): string {
  const { XDG_CONFIG_HOME: config = "", HOME: home = "" } = environment;
  return join(config === "" ? join(home === "" ? homedir() : home, ".config") : config, "parley", "contexts.json");
}

/**
 * Reads all contexts. A missing file has none.
 *
 * @throws CliError `contexts_unreadable`
 */
export async function readContexts(path: string): Promise<Contexts> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (isContexts(value)) return value;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return { contexts: {} };
    // The message of a SyntaxError quotes the file, which has keys.
    throw unreadable(path, error instanceof SyntaxError ? "it is not valid JSON" : systemReason(error));
  }
  throw unreadable(path, "it is not a file of contexts");
}

/** Replaces the file in one step, with mode 0600. @throws CliError `contexts_unwritable` */
export async function writeContexts(path: string, contexts: Contexts): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await replaceFile(path, `${JSON.stringify(contexts, undefined, 2)}\n`);
  } catch (error) {
    throw new CliError("contexts_unwritable", `${path} cannot be written: ${systemReason(error)}`, {
      remedy: "make the directory writable for this user, or set XDG_CONFIG_HOME to another one",
      cause: error,
    });
  }
}

function isContexts(value: unknown): value is Contexts {
  if (typeof value !== "object" || value === null || !("contexts" in value)) return false;
  const { contexts, current } = value as { readonly contexts: unknown; readonly current?: unknown };
  if (typeof contexts !== "object" || contexts === null || (current !== undefined && typeof current !== "string")) return false;
  return Object.values(contexts).every(
    (variables) =>
      typeof variables === "object" && variables !== null && Object.values(variables as object).every((text) => typeof text === "string"),
  );
}

function unreadable(path: string, reason: string): CliError {
  return new CliError("contexts_unreadable", `${path} cannot be read: ${reason}`, {
    exit: EXIT.usage,
    remedy: "repair the file, or remove it and add the contexts again",
  });
}
