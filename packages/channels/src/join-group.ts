import { type GroupRow, type MlsEngine, MlsEngineError, type MlsGroup } from "@parley/mls-engine";
import { isGroupOf } from "./channel-name.ts";
import { MlsError } from "./errors.ts";
import { findGroups, replaceGroup } from "./stored-groups.ts";

/** A group that was joined. */
export interface JoinedGroup {
  readonly group: MlsGroup;
  /** Unsettled messages, the log's late entries and the audit chain of a former group of the channel that this one replaces. */
  readonly rows: readonly GroupRow[];
}

/** Engine errors by code, with what they mean for a joiner. All other codes mean that the welcome is damaged. */
const WELCOME_PROBLEMS: ReadonlyMap<string, string> = new Map([
  ["no_key_package", "it is for another agent, or was used before"],
  ["credential_refused", "this agent does not accept one of the members (authenticate)"],
]);
/** Engine errors that the welcome did not cause. */
const OTHER_PROBLEMS: ReadonlySet<string> = new Set([
  "closed",
  "state_damaged",
  "crypto_unavailable",
  "wrong_identity",
  "group_exists",
  "identity_taken",
]);

/**
 * Joins the group of a channel by its Welcome. A former group of the channel, which this agent was removed from, is replaced.
 *
 * Safe to repeat after a crash: a group that was joined but not set up is returned again.
 *
 * @throws MlsError `invalid_welcome`
 * @throws MlsEngineError for problems that the welcome did not cause
 */
export async function joinGroup(engine: MlsEngine, name: string, welcome: Uint8Array): Promise<JoinedGroup> {
  const { ready, joined } = await findGroups(engine, name);
  let group: MlsGroup;
  try {
    group = await engine.joinGroup(welcome);
  } catch (error) {
    if (!(error instanceof MlsEngineError)) throw error;
    // The process crashed between joining and setting up the channel. The key package was used then.
    if (error.code === "no_key_package" && joined !== undefined) return { group: joined, rows: [] };
    if (error.code !== "group_exists" || ready === undefined) throw welcomeError(error, name);
    // This agent was removed and added again, and has not read the removal from the log yet.
    const rows = await replaceGroup(engine, ready);
    return { group: await engine.joinGroup(welcome), rows };
  }
  if (!isGroupOf(group.id, name)) {
    await engine.removeGroup(group.id);
    throw new MlsError("invalid_welcome", "the welcome is for another channel; generate a new key package to join this one");
  }
  return { group, rows: ready === undefined ? [] : await replaceGroup(engine, ready) };
}

function welcomeError(error: MlsEngineError, name: string): Error {
  if (OTHER_PROBLEMS.has(error.code)) return error;
  const problem = WELCOME_PROBLEMS.get(error.code) ?? "it is damaged, or not a welcome";
  return new MlsError("invalid_welcome", `cannot join ${name} with this welcome: ${problem} (${error.message})`, { cause: error });
}
