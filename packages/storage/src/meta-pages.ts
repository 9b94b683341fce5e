import type { FileHandle } from "node:fs/promises";
import { StorageError } from "./storage-error.ts";

const LMDB_MAGIC = 0xbeefc0de;
/** Offsets in one of the two pages that LMDB's file begins with. */
const AT = { magic: 24, pageSize: 48, roots: [88, 136], lastPage: 144, transaction: 152, end: 160 } as const;
/** Number of the root of an empty tree. */
const NO_PAGE = 2n ** 64n - 1n;
const PAGE_SIZES: ReadonlySet<number> = new Set(Array.from({ length: 9 }, (_, index) => 256 << index));

interface Meta {
  readonly pageSize: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
  readonly roots: readonly bigint[];
}

/**
 * Checks what LMDB does not: that the file is LMDB's, and as long as its newest state says. LMDB maps the file into memory, and reading what
 * is missing would end the process with SIGBUS.
 *
 * @throws StorageError `data_dir_unusable`
 */
export async function checkMetaPages(file: FileHandle, path: string): Promise<void> {
  const { size } = await file.stat();
  const first = await readMeta(file, 0);
  // The second page's offset depends on the first one, which may be damaged: then LMDB refuses the file.
  const second = first === undefined ? undefined : await readMeta(file, first.pageSize);
  if (first === undefined) throw new StorageError("data_dir_unusable", `${path} is damaged: it does not begin as a database. ${REMEDY}`);
  const newest = second !== undefined && second.transaction > first.transaction ? second : first;
  if (newest.roots.some((root) => root !== NO_PAGE && root > newest.lastPage)) {
    throw new StorageError("data_dir_unusable", `${path} is damaged: it refers to pages that it does not have. ${REMEDY}`);
  }
  const needed = (newest.lastPage + 1n) * BigInt(newest.pageSize);
  if (BigInt(size) >= needed) return;
  throw new StorageError("data_dir_unusable", `${path} is cut short: it has ${size} bytes of ${needed}. ${REMEDY}`);
}

const REMEDY = "Restore the data directory from a backup";

async function readMeta(file: FileHandle, offset: number): Promise<Meta | undefined> {
  const bytes = Buffer.alloc(AT.end);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
  if (bytesRead < bytes.length || bytes.readUInt32LE(AT.magic) !== LMDB_MAGIC) return undefined;
  const pageSize = bytes.readUInt32LE(AT.pageSize);
  if (!PAGE_SIZES.has(pageSize)) return undefined;
  return {
    pageSize,
    lastPage: bytes.readBigUInt64LE(AT.lastPage),
    transaction: bytes.readBigUInt64LE(AT.transaction),
    roots: AT.roots.map((at) => bytes.readBigUInt64LE(at)),
  };
}
