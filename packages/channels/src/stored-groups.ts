import { type GroupRow, type MlsEngine, MlsEngineError, type MlsGroup, StoreError } from "@parley/mls-engine";
import { AUDIT_ENTRY_PREFIX, AUDIT_PREFIX, INBOX_PREFIX, LATE_PREFIX, NAME_ROW } from "./channel/rows.ts";
import { isGroupOf } from "./channel-name.ts";

/** The groups of a channel in a store. */
export interface StoredGroups {
  /** The group in use. */
  readonly ready: MlsGroup | undefined;
  /** A group that was joined, but not set up before a crash. */
  readonly joined: MlsGroup | undefined;
  /** Whether this agent was removed from a group. */
  readonly wasRemoved: boolean;
}

/** Finds the groups of a channel. Erases a group whose creation was interrupted by a crash: it has no other members. */
export async function findGroups(engine: MlsEngine, name: string): Promise<StoredGroups> {
  const found: { ready: MlsGroup | undefined; joined: MlsGroup | undefined; wasRemoved: boolean } = {
    ready: undefined,
    joined: undefined,
    wasRemoved: false,
  };
  for (const id of await engine.groups()) {
    if (!isGroupOf(id, name)) continue;
    const group = await load(engine, id);
    if (group === undefined) found.wasRemoved = true;
    else if (group.row(NAME_ROW) !== undefined) found.ready = group;
    else if (group.needsUpdate) throw new StoreError("damaged", `the data of the channel ${name} is incomplete: its last writes were lost`);
    else if (group.epoch === 0n) await engine.removeGroup(id);
    else found.joined = group;
  }
  return found;
}

/** Erases a group that a new one replaces. Returns its unsettled messages, late entries and audit chain, for the new group. */
export async function replaceGroup(engine: MlsEngine, group: MlsGroup): Promise<readonly GroupRow[]> {
  const keys = [INBOX_PREFIX, LATE_PREFIX, AUDIT_PREFIX].flatMap((prefix) => group.rowKeys(prefix));
  const rows = keys.map((key) => ({ key, value: group.row(key), isPublic: key.startsWith(AUDIT_ENTRY_PREFIX) }));
  await engine.removeGroup(group.id);
  return rows;
}

/** Erases every group of a channel. */
export async function eraseGroups(engine: MlsEngine, name: string): Promise<void> {
  for (const id of await engine.groups()) if (isGroupOf(id, name)) await engine.removeGroup(id);
}

async function load(engine: MlsEngine, id: Uint8Array): Promise<MlsGroup | undefined> {
  try {
    return await engine.loadGroup(id);
  } catch (error) {
    if (error instanceof MlsEngineError && error.code === "removed") return undefined;
    throw error;
  }
}
