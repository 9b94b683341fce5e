import type { FileHandle } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { CheckContext } from "./check-context.ts";
import { checkFreePages } from "./free-pages.ts";
import type { Meta } from "./meta-pages.ts";
import { PageFile } from "./page-file.ts";
import type { Tree } from "./tree.ts";
import { TreeCheck } from "./tree-check.ts";

/** Flag of the tree of free pages: its keys are numbers. */
const NUMBERS = 8;
/** The flags of a tree. LMDB stores flags of the file beside those of the tree of free pages. */
const TREE_FLAGS = 0x7f;

/**
 * Checks the pages of an LMDB file, because LMDB does not: damage can crash the process or hide records. Reads one page at a time, and uses one
 * bit of memory per page.
 *
 * @param maxReads limit on leaf and overflow pages. Branch pages are always read.
 * @throws StorageError `data_dir_unusable`
 */
export async function checkPages(handle: FileHandle, path: string, meta: Meta, maxReads: number): Promise<void> {
  const file = new PageFile(handle.fd, path, meta);
  const context = new CheckContext(file, { transaction: meta.transaction, maxReads });
  const newest = Number(meta.transaction % 2n);
  for (const _ of checkTrees(context, meta, newest)) await setImmediate();
}

function* checkTrees(context: CheckContext, { free, main }: Meta, by: number): Generator<void, void> {
  if ((free.flags & TREE_FLAGS) !== NUMBERS || main.flags !== 0) throw context.file.damaged(by, "its trees have unknown flags");
  const tables: { readonly name: string; readonly tree: Tree }[] = [];
  yield* new TreeCheck(context, free, {
    name: "the tree of free pages",
    minNodes: 1,
    compare: compareNumbers,
    onValue: (value) => checkFreePages(context, value),
  }).run(by);
  yield* new TreeCheck(context, main, {
    name: "the tree of tables",
    minNodes: 2,
    compare: compareBytes,
    onTree: (name, tree) => tables.push({ name: name.toString("latin1").replace("\0", ""), tree }),
  }).run(by);
  for (const { name, tree } of tables) {
    const table = `table ${JSON.stringify(name)}`;
    if (tree.flags !== 0) throw context.file.damaged(main.root ?? by, `${table} has unknown flags`);
    yield* new TreeCheck(context, tree, { name: table, minNodes: 2, compare: compareBytes }).run(main.root ?? by);
  }
}

function compareNumbers(a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number): number {
  // Another length is damage and counts as out of order.
  if (aEnd - aStart !== 8 || bEnd - bStart !== 8) return 1;
  return Number(a.readBigUInt64LE(aStart) - b.readBigUInt64LE(bStart));
}

function compareBytes(a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number): number {
  const length = Math.min(aEnd - aStart, bEnd - bStart);
  for (let index = 0; index < length; index++) {
    const difference = (a[aStart + index] ?? 0) - (b[bStart + index] ?? 0);
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
}
