import { type Reader, decodeWhole, malformed } from "../codec/reader.ts";
import { type Writer, encode } from "../codec/writer.ts";
import type { CommitEffects } from "../epoch/group-state.ts";
import type { StoreChange } from "../store/group-store.ts";

/** A staged commit as it is stored: the messages to send, and the rows of the epoch that it begins. */
export interface PendingRecord {
  readonly commit: Uint8Array;
  readonly welcome: Uint8Array | undefined;
  readonly effects: CommitEffects;
  readonly rows: readonly StoreChange[];
}

const VERSION = 1;
const MAX_ROWS = 1_000_000;
const text = new TextEncoder();

export function encodePending(pending: PendingRecord): Uint8Array {
  return encode((w) => {
    w.u8(VERSION)
      .vector(pending.commit)
      .optional(pending.welcome, (inner, welcome) => inner.vector(welcome));
    w.u32(pending.effects.committer);
    writeLeaves(w, pending.effects.added);
    writeLeaves(w, pending.effects.removed);
    writeLeaves(w, pending.effects.updated);
    w.list(pending.rows, (inner, row) => {
      inner.vector(text.encode(row.key)).optional(row.value, (x, value) => x.vector(value));
      inner.u8(row.isPublic === true ? 1 : 0);
    });
  });
}

export function decodePending(bytes: Uint8Array): PendingRecord {
  return decodeWhole(bytes, (r) => {
    if (r.u8() !== VERSION) throw malformed("The stored pending commit has an unknown version");
    const commit = r.vector();
    const welcome = r.optional((x) => x.vector());
    const effects = { committer: r.u32(), added: readLeaves(r), removed: readLeaves(r), updated: readLeaves(r) };
    return { commit, welcome, effects, rows: r.list(readRow, MAX_ROWS) };
  });
}

function readRow(r: Reader): StoreChange {
  const key = new TextDecoder().decode(r.vector());
  const value = r.optional((x) => x.vector());
  return { key, value, isPublic: r.u8() === 1 };
}

function writeLeaves(w: Writer, leaves: readonly number[]): void {
  w.list(leaves, (inner, leaf) => inner.u32(leaf));
}

function readLeaves(r: Reader): number[] {
  return r.list((leaf) => leaf.u32(), MAX_ROWS);
}
