import type { FileHandle } from "node:fs/promises";
import { truncatedFile, damagedFile } from "./page-file.ts";
import { readTree, type Tree, TREE_BYTES } from "./tree.ts";

const LMDB_MAGIC = 0xbeefc0de;
const LMDB_VERSION = 2;
const META_FLAG = 0x08;
/** Offsets in a meta page. An LMDB file begins with two of them. */
const AT = { flags: 18, magic: 24, version: 28, free: 48, pageSize: 48, main: 96, lastPage: 144, transaction: 152, end: 160 } as const;
const PAGE_SIZES: ReadonlySet<number> = new Set(Array.from({ length: 9 }, (_, index) => 256 << index));

/** The state of an LMDB file after one commit. */
export interface Meta {
  readonly pageSize: number;
  /** Number of the last page that may be in use. */
  readonly lastPage: number;
  readonly transaction: bigint;
  /** The tree of free pages. */
  readonly free: Tree;
  /** The tree of tables. */
  readonly main: Tree;
}

/**
 * Checks that a file is an LMDB file of the length that its newest state requires. LMDB maps the file into memory, and an access beyond its end
 * would end the process with SIGBUS.
 *
 * @returns the newest state
 * @throws StorageError `data_dir_unusable`
 */
export async function checkMetaPages(file: FileHandle, path: string): Promise<Meta> {
  const { size } = await file.stat();
  const first = await readMeta(file, 0);
  // The second page's offset depends on the first page, which may be damaged.
  const second = first === undefined ? undefined : await readMeta(file, first.pageSize);
  if (first === undefined) throw damagedFile(path, "it is not an LMDB database");
  if (second === undefined || second.pageSize !== first.pageSize) throw damagedFile(path, "page 1: it is not a meta page");
  // Commits alternate between the two pages. A new file has transaction 0 in both.
  const step = second.transaction - first.transaction;
  const isInTurn = first.transaction % 2n === 0n && (step === 1n || step === -1n);
  if (!isInTurn && (first.transaction !== 0n || second.transaction !== 0n)) {
    throw damagedFile(path, `pages 0 and 1: their transactions, ${first.transaction} and ${second.transaction}, do not follow each other`);
  }
  const newest = second.transaction > first.transaction ? second : first;
  if (size >= (newest.lastPage + 1) * newest.pageSize) return newest;
  throw truncatedFile(path, size, (BigInt(newest.lastPage) + 1n) * BigInt(newest.pageSize));
}

async function readMeta(file: FileHandle, offset: number): Promise<Meta | undefined> {
  const bytes = Buffer.alloc(AT.end);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
  if (bytesRead < bytes.length || bytes.readUInt32LE(AT.magic) !== LMDB_MAGIC) return undefined;
  if (bytes.readUInt16LE(AT.flags) !== META_FLAG || bytes.readUInt32LE(AT.version) !== LMDB_VERSION) return undefined;
  const pageSize = bytes.readUInt32LE(AT.pageSize);
  if (!PAGE_SIZES.has(pageSize)) return undefined;
  return {
    pageSize,
    lastPage: Number(bytes.readBigUInt64LE(AT.lastPage)),
    transaction: bytes.readBigUInt64LE(AT.transaction),
    free: readTree(bytes.subarray(AT.free, AT.free + TREE_BYTES)),
    main: readTree(bytes.subarray(AT.main, AT.main + TREE_BYTES)),
  };
}
