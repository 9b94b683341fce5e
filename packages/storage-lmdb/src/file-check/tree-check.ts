import type { StorageError } from "@parley/storage";
import type { CheckContext } from "./check-context.ts";
import { Page } from "./page-file.ts";
import { HEADER, IN_OVERFLOW, IS_TREE, NODE_HEADER, nodeAt } from "./page-layout.ts";
import { readTree, type Tree, TREE_BYTES } from "./tree.ts";

const MAX_DEPTH = 32;
const OVERFLOW = 4;
/** Offsets in the header of an overflow page. */
const AT = { flags: 18, pages: 20 } as const;

/** The location of a value in the file. */
export interface Value {
  /** Page of the leaf that refers to it. */
  readonly page: number;
  /** Its first byte's position in the file. */
  readonly position: number;
  readonly bytes: number;
}

/** Properties of a tree that {@link TreeCheck} requires. */
export interface TreeUse {
  readonly name: string;
  /** Smallest number of nodes in a branch page. */
  readonly minNodes: number;
  /** Compares two keys, given by their ranges in two pages. */
  compare(a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number): number;
  /** Called for each nested tree. Without it, a nested tree is damage. */
  onTree?(name: Buffer, tree: Tree): void;
  onValue?(value: Value): void;
}

/**
 * Checks a tree of an LMDB file: each page is used once and at the right depth, its keys are in order and between the keys of its parent, and
 * each large value has its own overflow pages.
 */
export class TreeCheck {
  readonly #context: CheckContext;
  readonly #tree: Tree;
  readonly #use: TreeUse;
  readonly #levels: Page[];
  readonly #overflow: Page;
  #counts = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };

  constructor(context: CheckContext, tree: Tree, use: TreeUse) {
    this.#context = context;
    this.#tree = tree;
    this.#use = use;
    const { pageSize } = context.file;
    this.#levels = Array.from({ length: Math.min(tree.depth, MAX_DEPTH) }, () => new Page(pageSize));
    this.#overflow = new Page(pageSize);
  }

  /** Runs the check; the caller may pause at each yield. @param by the page that refers to the tree. @throws StorageError `data_dir_unusable` */
  *run(by: number): Generator<void, void> {
    const { root, depth, entries } = this.#tree;
    if ((root === undefined ? depth !== 0 || entries !== 0 : depth < 1) || depth > MAX_DEPTH) {
      throw this.#context.file.damaged(by, `${this.#use.name} has the depth ${depth}, and ${entries} records`);
    }
    if (root === undefined) return;
    this.#context.use(root, 1, by);
    if (depth === 1) this.#leaf(root, undefined, undefined);
    else yield* this.#branch(root, 1, undefined, undefined);
    if (this.#context.isComplete) this.#compareCounts(by);
  }

  *#branch(number: number, level: number, lower: Buffer | undefined, upper: Buffer | undefined): Generator<void, void> {
    const page = this.#level(level);
    const { bytes, u16 } = page;
    this.#context.read(page, number);
    const count = this.#context.layout.check(page, false);
    this.#counts.branchPages++;
    if (count < this.#use.minNodes) throw this.#damaged(page, `it is a branch with ${count} nodes`);
    // The first key of a branch is unused: the first child holds all keys below the second one.
    this.#checkOrder(page, 1, count, lower, upper);
    for (let index = 0; index < count; index++) {
      const at = nodeAt(page, index);
      const child = bytes.readUInt32LE(at) + (u16[at / 2 + 2] ?? 0) * 2 ** 32;
      const from = index === 0 ? lower : keyAt(page, index);
      const to = index + 1 < count ? keyAt(page, index + 1) : upper;
      this.#context.use(child, 1, number);
      if (level + 1 < this.#tree.depth) yield* this.#branch(child, level + 1, from, to);
      else this.#leaf(child, from, to);
      if (this.#context.isPauseDue) yield;
    }
  }

  #leaf(number: number, lower: Buffer | undefined, upper: Buffer | undefined): void {
    if (!this.#context.mayRead()) return;
    const page = this.#level(this.#tree.depth);
    this.#context.read(page, number);
    const count = this.#context.layout.check(page, true);
    this.#counts.leafPages++;
    this.#counts.entries += count;
    this.#checkOrder(page, 0, count, lower, upper);
    for (let index = 0; index < count; index++) this.#value(page, nodeAt(page, index));
  }

  #value(page: Page, at: number): void {
    const { onTree, onValue } = this.#use;
    const { bytes, u16, number } = page;
    const flags = u16[at / 2 + 2];
    if (flags === 0 && onValue === undefined) return;
    const size = bytes.readUInt32LE(at);
    const key = at + NODE_HEADER;
    const value = key + (u16[at / 2 + 3] ?? 0);
    if (flags === 0) onValue?.({ page: number, position: number * bytes.length + value, bytes: size });
    else if (flags === IN_OVERFLOW) this.#inOverflow(page, value, size);
    else if (flags === IS_TREE && size === TREE_BYTES && onTree !== undefined) {
      onTree(Buffer.from(bytes.subarray(key, value)), readTree(bytes.subarray(value, value + size)));
    } else throw this.#damaged(page, `a node has the flags ${flags}`);
  }

  #inOverflow(page: Page, at: number, size: number): void {
    const { file } = this.#context;
    const first = Number(page.bytes.readBigUInt64LE(at));
    const pages = Number(page.bytes.readBigUInt64LE(at + 16));
    if (pages < Math.ceil((HEADER + size) / file.pageSize)) throw this.#damaged(page, `a value of ${size} bytes has ${pages} pages`);
    this.#context.use(first, pages, page.number);
    this.#counts.overflowPages += pages;
    this.#use.onValue?.({ page: page.number, position: first * file.pageSize + HEADER, bytes: size });
    if (!this.#context.mayRead()) return;
    const { bytes } = this.#overflow;
    this.#context.read(this.#overflow, first, HEADER);
    // LMDB frees this number of pages.
    if (bytes.readUInt16LE(AT.flags) !== OVERFLOW || bytes.readUInt32LE(AT.pages) !== pages) {
      throw file.damaged(first, `it does not begin a value of ${pages} pages`);
    }
  }

  /** Checks that keys are in ascending order, starting with the node at `from`, and between the keys of the parent. */
  #checkOrder(page: Page, from: number, count: number, lower: Buffer | undefined, upper: Buffer | undefined): void {
    const { bytes, u16 } = page;
    let [before, start, end] = lower === undefined ? [bytes, -1, -1] : [lower, 0, lower.length];
    for (let index = from; index < count; index++) {
      const key = nodeAt(page, index) + NODE_HEADER;
      const keyEnd = key + (u16[key / 2 - 1] ?? 0);
      const order = start < 0 ? -1 : this.#use.compare(before, start, end, bytes, key, keyEnd);
      if (order > 0 || (order === 0 && before === bytes)) throw this.#damaged(page, `its keys are not in order`);
      [before, start, end] = [bytes, key, keyEnd];
    }
    if (upper !== undefined && start >= 0 && this.#use.compare(before, start, end, upper, 0, upper.length) >= 0) {
      throw this.#damaged(page, "its keys are greater than those after it");
    }
  }

  #compareCounts(by: number): void {
    for (const [name, found] of Object.entries(this.#counts)) {
      const expected = this.#tree[name as keyof Tree];
      if (expected !== found) throw this.#context.file.damaged(by, `${this.#use.name} has ${found} ${name}, not ${expected}`);
    }
  }

  #level(level: number): Page {
    const page = this.#levels[level - 1];
    if (page === undefined) throw new RangeError(`level ${level} of a tree of depth ${this.#tree.depth}`);
    return page;
  }

  #damaged(page: Page, what: string): StorageError {
    return this.#context.file.damaged(page.number, `${what} (${this.#use.name})`);
  }
}

function keyAt(page: Page, index: number): Buffer {
  const key = nodeAt(page, index) + NODE_HEADER;
  return page.bytes.subarray(key, key + (page.u16[key / 2 - 1] ?? 0));
}
