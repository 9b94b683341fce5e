import type { Page, PageFile } from "./page-file.ts";

/** Length of a page's header. Offsets in a page count from its end. */
export const HEADER = 24;
/** Length of a node's header: two numbers for page or size, flags, and the key's length. */
export const NODE_HEADER = 8;
/** Indices of 16-bit numbers in a page. */
const AT = { flags: 9, lower: 10, upper: 11, offsets: 12 } as const;
const BRANCH = 1;
const LEAF = 2;
/** Flags of a leaf node: its value is in overflow pages, or describes a tree. */
export const IN_OVERFLOW = 1;
export const IS_TREE = 2;
/** Length of the reference to such a value. */
const REFERENCE_BYTES = 24;
/** The longest key that LMDB accepts. */
const MAX_KEY = 1978;

/** Checks the layout of a tree's page: its header, and that its nodes are contiguous without overlap. */
export class PageLayout {
  readonly #file: PageFile;
  /** Length of the node at each even offset of the current page. */
  readonly #lengths: Uint16Array;

  constructor(file: PageFile) {
    this.#file = file;
    this.#lengths = new Uint16Array(file.pageSize / 2);
  }

  /** @returns the number of nodes. @throws StorageError `data_dir_unusable` */
  check(page: Page, isLeaf: boolean): number {
    const { u16 } = page;
    const end = this.#file.pageSize - HEADER;
    const lower = u16[AT.lower] ?? 0;
    const upper = u16[AT.upper] ?? 0;
    if (u16[AT.flags] !== (isLeaf ? LEAF : BRANCH))
      throw this.#damaged(page, `its flags are ${u16[AT.flags]}, not those of a ${isLeaf ? "leaf" : "branch"}`);
    if (lower % 2 !== 0 || lower === 0 || lower > upper || upper > end)
      throw this.#damaged(page, `its free part is from ${lower} to ${upper}`);
    const count = lower / 2;
    this.#lengths.fill(0, upper >> 1);
    for (let index = 0; index < count; index++) this.#note(page, u16[AT.offsets + index] ?? 0, upper, isLeaf);
    let nodes = 0;
    let at = upper;
    for (; at < end; nodes++) {
      const length = this.#lengths[at >> 1] ?? 0;
      if (length === 0) break;
      at += length;
    }
    if (at !== end || nodes !== count) throw this.#damaged(page, `its ${count} nodes do not fill it from ${upper} on`);
    return count;
  }

  #note(page: Page, offset: number, upper: number, isLeaf: boolean): void {
    const room = this.#file.pageSize - HEADER - offset;
    if (offset < upper || offset % 2 !== 0 || room < NODE_HEADER) throw this.#damaged(page, `a node is at ${offset}`);
    const at = (offset + HEADER) / 2;
    const key = page.u16[at + 3] ?? 0;
    if (key > MAX_KEY) throw this.#damaged(page, `the node at ${offset} has a key of ${key} bytes`);
    const length = NODE_HEADER + key + (isLeaf ? this.#valueBytes(page, at) : 0);
    if (length > room) throw this.#damaged(page, `the node at ${offset} has ${length} bytes`);
    this.#lengths[offset >> 1] = (length + 1) & ~1;
  }

  #valueBytes({ u16 }: Page, at: number): number {
    return u16[at + 2] === IN_OVERFLOW ? REFERENCE_BYTES : (u16[at] ?? 0) + (u16[at + 1] ?? 0) * 2 ** 16;
  }

  #damaged(page: Page, what: string): Error {
    return this.#file.damaged(page.number, what);
  }
}

/** Byte offset of a node. */
export function nodeAt({ u16 }: Page, index: number): number {
  return (u16[AT.offsets + index] ?? 0) + HEADER;
}
