import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isJsonObject } from "@parley/core";
import { systemCode, systemReason } from "@parley/core/internal";
import { CliError, EXIT } from "../cli-error.ts";

/** The file in the data directory that describes the running servers. */
export const STATE_FILE = "dev.json";
/** The directory in the data directory that keeps the agents of `parley channels`. */
export const AGENTS = "agents";
/** The directory in the data directory in which agents announce their lenses to the console. */
export const LENSES = "lenses";
/** The data directory, where none is named. */
const DEFAULT_DIRECTORY = ".parley";
/** Timeout of a health request, in milliseconds. */
const HEALTH_MS = 5000;

/** Variables that agents read. */
export interface DevEnvironment {
  readonly LAYR8_NODE_URL: string;
  readonly LAYR8_API_KEY: string;
  readonly SKYTALE_API_URL: string;
  readonly SKYTALE_RELAY: string;
  readonly SKYTALE_API_KEY: string;
  /** Absent in files of earlier versions. */
  readonly SKYTALE_LENS?: string | undefined;
}

/** A running `parley dev`. */
export interface DevState {
  readonly pid: number;
  readonly nodeHttpUrl: string;
  readonly environment: DevEnvironment;
  /** Whether the servers lose their data at their end. Absent in files of earlier versions. */
  readonly inMemory?: boolean | undefined;
  /** Address of the console, with its token. */
  readonly consoleUrl?: string | undefined;
  /** The second node of `--two-nodes`: where agents connect, and the domain of its DIDs. */
  readonly secondNode?: { readonly url: string; readonly domain: string } | undefined;
}

/** The state of the nearest data directory, and where it is. */
export interface FoundState {
  readonly directory: string;
  readonly state: DevState;
}

/**
 * Finds the state of `parley dev` in a named directory, or in `.parley` of the working directory and the directories above it.
 *
 * @throws CliError `state_unreadable`
 */
export async function findDevState(data: string | undefined, from: string = process.cwd()): Promise<FoundState | undefined> {
  if (data !== undefined) return readState(resolve(from, data));
  for (let directory = resolve(from); ; directory = dirname(directory)) {
    const found = await readState(join(directory, DEFAULT_DIRECTORY));
    if (found !== undefined || directory === dirname(directory)) return found;
  }
}

/** Whether the servers of a state answer. A killed process leaves its state behind. */
export async function isRunning({ state }: FoundState): Promise<boolean> {
  const urls = [`${state.nodeHttpUrl}/health`, `${state.environment.SKYTALE_API_URL}/health`];
  const healthy = urls.map(async (url) => (await fetch(url, { signal: AbortSignal.timeout(HEALTH_MS) })).ok);
  return Promise.all(healthy).then(
    (answers) => answers.every(Boolean),
    () => false,
  );
}

async function readState(directory: string): Promise<FoundState | undefined> {
  const path = join(directory, STATE_FILE);
  try {
    const state: unknown = JSON.parse(await readFile(path, "utf8"));
    if (isState(state)) return { directory, state };
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (!(error instanceof SyntaxError)) throw unreadable(path, systemReason(error));
  }
  throw unreadable(path, "it is not a state of parley dev");
}

function isState(value: unknown): value is DevState {
  if (typeof value !== "object" || value === null) return false;
  const { pid, nodeHttpUrl, environment, secondNode } = value as Partial<Record<keyof DevState, unknown>>;
  if (typeof pid !== "number" || typeof nodeHttpUrl !== "string" || typeof environment !== "object" || environment === null) return false;
  if (secondNode !== undefined && !isSecondNode(secondNode)) return false;
  return VARIABLES.filter((name) => name !== "SKYTALE_LENS").every(
    (name) => typeof (environment as Partial<DevEnvironment>)[name] === "string",
  );
}

function isSecondNode(value: unknown): boolean {
  return isJsonObject(value) && typeof value["url"] === "string" && typeof value["domain"] === "string";
}

/** The names of the variables, in the order in which they are printed. */
export const VARIABLES: readonly (keyof DevEnvironment)[] = [
  "LAYR8_NODE_URL",
  "LAYR8_API_KEY",
  "SKYTALE_API_URL",
  "SKYTALE_RELAY",
  "SKYTALE_API_KEY",
  "SKYTALE_LENS",
];

function unreadable(path: string, reason: string): CliError {
  return new CliError("state_unreadable", `${path} cannot be read: ${reason}`, {
    exit: EXIT.failed,
    remedy: "remove the file, and start `parley dev` again",
  });
}
