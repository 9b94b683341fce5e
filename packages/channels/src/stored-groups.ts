import { type GroupRow, type MlsEngine, MlsEngineError, type MlsGroup, StoreError } from "@parley/mls-engine";
import { INBOX_PREFIX, LATE_PREFIX, NAME_ROW } from "./channel/rows.ts";
import { isGroupOf } from "./channel-name.ts";

/** What a store holds of a channel. */
export interface StoredGroups {
  /** The group that the channel goes on with. */
  readonly ready: MlsGroup | undefined;
  /** One that was joined, and not set up before a crash. */
  readonly joined: MlsGroup | undefined;
  /** Whether there is one that this agent was removed from. */
  readonly wasRemoved: boolean;
}

/** Finds the groups of a channel. What a crash has left of a channel's creation is erased: nobody else knows that group. */
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
    else if (group.needsUpdate) throw new StoreError("damaged", `the data of the channel ${name} has lost what this agent knew of it`);
    else if (group.epoch === 0n) await engine.removeGroup(id);
    else found.joined = group;
  }
  return found;
}

/** Erases a group that another takes the place of, but for what is known of its log, and the messages that nobody has taken: that is given back. */
export async function replaceGroup(engine: MlsEngine, group: MlsGroup): Promise<readonly GroupRow[]> {
  const keys = [INBOX_PREFIX, LATE_PREFIX].flatMap((prefix) => group.rowKeys(prefix));
  const rows = keys.map((key) => ({ key, value: group.row(key) }));
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
