import { encode } from "../codec/writer.ts";
import { MlsEngineError } from "../errors.ts";
import type { StoreChange } from "../store/group-store.ts";
import { applicationRows } from "./application-rows.ts";
import { DISCARDED, OUTDATED, PENDING, REMOVED, userKey } from "./group-rows.ts";
import type { GroupSession, NextEpochState, Pending } from "./group-session.ts";
import type { CommitMessage, WriteOptions } from "./group-types.ts";
import { loadSession } from "./load-session.ts";
import { changesOf } from "./members.ts";

/** Discarded own commits that are recognised if they are delivered later. */
const MAX_DISCARDED = 64;

/**
 * Puts an own commit into effect: in one atomic write, the rows of the next epoch replace those of the current one. Called by
 * `StagedCommit.confirm`, and by `MlsGroup.process` when the own commit is delivered.
 */
export async function confirmCommit(
  session: GroupSession,
  pending: Pending,
  commitWith: WriteOptions<CommitMessage>["commitWith"],
): Promise<CommitMessage> {
  const before = session.state.tree;
  const commitHash = session.hash(pending.commit);
  const next = pending.next ?? nextFromRows(session, pending);
  const result: CommitMessage = {
    kind: "commit",
    epoch: next.state.context.epoch,
    changes: changesOf(pending.effects, before, next.state.tree),
    isOwn: true,
    isRemoved: false,
  };
  const extra = applicationRows(commitWith, result);
  const updated = pending.replacesKeys ? [{ key: OUTDATED, value: undefined }] : [];
  await session.write([...pending.rows, ...session.expire(), ...updated, ...extra], "soon");
  for (const row of pending.rows) row.value?.fill(0);
  session.pending = { ...pending, next };
  session.advance(next, commitHash);
  await session.compact();
  if (pending.replacesKeys) await session.acknowledgeUpdate();
  return result;
}

/** Erases an own commit. Its hash is kept, to recognise the commit if the group accepts it nevertheless. */
export async function discardCommit(session: GroupSession, commit: Uint8Array): Promise<void> {
  const discarded = [...session.discarded, session.hash(commit)].slice(-MAX_DISCARDED);
  const value = encode((w) => w.list(discarded, (inner, hash) => inner.vector(hash)));
  const rows = [
    { key: PENDING, value: undefined },
    { key: DISCARDED, value },
  ];
  await session.write(rows, "soon");
  session.discarded = discarded;
  session.erasePending();
  await session.compact();
}

/** Erases all keys after another member removed this one. The application's rows are kept. */
export async function endMembership(
  session: GroupSession,
  result: CommitMessage,
  commitWith: WriteOptions<CommitMessage>["commitWith"],
  onStored: () => void,
): Promise<void> {
  const extra = applicationRows(commitWith, result);
  const gone: StoreChange[] = session.partition
    .keys()
    .filter((key) => !key.startsWith(userKey("")))
    .map((key) => ({ key, value: undefined }));
  const marker = { key: REMOVED, value: new TextEncoder().encode(String(result.epoch)) };
  await session.write([...gone, marker, ...extra], "soon");
  onStored();
  session.eraseAll();
  await session.compact();
}

/** The epoch of a commit that was staged before a restart, loaded from its rows as if they were in the partition already. */
function nextFromRows(session: GroupSession, pending: Pending): NextEpochState {
  const rows = new Map(pending.rows.map((row) => [row.key, row.value]));
  const { partition } = session;
  const loaded = loadSession(session.options, {
    get: (key) => (rows.has(key) ? rows.get(key)?.slice() : partition.get(key)),
    keys: (prefix = "") => {
      const keys = new Set([...partition.keys(prefix), ...[...rows.keys()].filter((key) => key.startsWith(prefix))]);
      return [...keys].filter((key) => !rows.has(key) || rows.get(key) !== undefined);
    },
    write: () => Promise.reject(new TypeError("The partition is a read-only view")),
    compact: () => Promise.resolve(),
    close: () => Promise.resolve(),
  });
  if (!loaded) throw new MlsEngineError("state_damaged", "The stored pending commit is inconsistent");
  // The partition still has the pending proposals of the epoch that ends.
  return { state: { ...loaded.state, proposals: new Map() }, keys: loaded.keys };
}
