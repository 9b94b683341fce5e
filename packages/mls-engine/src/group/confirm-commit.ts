import { alsoRows } from "./application-rows.ts";
import { encode } from "../codec/codec.ts";
import { MlsError } from "../errors.ts";
import { changesOf } from "./members.ts";
import { DISCARDED, OUTDATED, PENDING, REMOVED, userKey } from "./group-rows.ts";
import type { GroupSession, NextEpochState, Pending } from "./group-session.ts";
import type { CommitMessage, WriteOptions } from "./group-types.ts";
import { loadSession } from "./load-session.ts";
import type { StoreChange } from "../store/group-store.ts";

/** Own commits that are remembered, to be told when one of them wins all the same. */
const MAX_DISCARDED = 64;

/** Puts an own commit in effect: the rows that it leads to take the place of those that there are, in one write. */
export async function confirmCommit(
  session: GroupSession,
  pending: Pending,
  also: WriteOptions<CommitMessage>["also"],
): Promise<CommitMessage> {
  const before = session.state.tree;
  const commitHash = await session.hash(pending.commit);
  const next = pending.next ?? nextFromRows(session, pending);
  const result: CommitMessage = {
    kind: "commit",
    epoch: next.state.context.epoch,
    changes: changesOf(pending.effects, before, next.state.tree),
    isOwn: true,
    isRemoved: false,
  };
  const extra = alsoRows(also, result);
  const ended = pending.endsOutdated ? [{ key: OUTDATED, value: undefined }] : [];
  await session.write([...pending.rows, ...session.expire(), ...ended, ...extra], "soon");
  for (const row of pending.rows) row.value?.fill(0);
  session.pending = { ...pending, next };
  session.advance(next, commitHash);
  await session.compact();
  if (pending.endsOutdated) await session.endOutdated();
  return result;
}

/** Forgets an own commit, but for its hash. */
export async function discardCommit(session: GroupSession, commit: Uint8Array): Promise<void> {
  const discarded = [...session.discarded, await session.hash(commit)].slice(-MAX_DISCARDED);
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

/** Erases all keys, when others have removed us. What the application has stored stays. */
export async function endMembership(
  session: GroupSession,
  result: CommitMessage,
  also: WriteOptions<CommitMessage>["also"],
  onStored: () => void,
): Promise<void> {
  const extra = alsoRows(also, result);
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

/** The epoch that a stored commit leads to, as the rows would show it. */
function nextFromRows(session: GroupSession, pending: Pending): NextEpochState {
  const rows = new Map(pending.rows.map((row) => [row.key, row.value]));
  const { partition } = session;
  const loaded = loadSession(session.options, {
    get: (key) => (rows.has(key) ? rows.get(key)?.slice() : partition.get(key)),
    keys: (prefix = "") => {
      const keys = new Set([...partition.keys(prefix), ...[...rows.keys()].filter((key) => key.startsWith(prefix))]);
      return [...keys].filter((key) => !rows.has(key) || rows.get(key) !== undefined);
    },
    write: () => Promise.reject(new TypeError("This is a view")),
    compact: () => Promise.resolve(),
    close: () => Promise.resolve(),
  });
  if (!loaded) throw new MlsError("state_damaged", "What is stored of a commit leads nowhere");
  return { state: loaded.state, keys: loaded.keys };
}
