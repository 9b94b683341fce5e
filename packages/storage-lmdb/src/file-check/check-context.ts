import { Page, type PageFile } from "./page-file.ts";
import { PageLayout } from "./page-layout.ts";
import { PageSet } from "./page-set.ts";

/** Leaves and overflow pages that are read between two pauses. */
const READS_PER_STEP = 512;

/** What the checks of a file's trees share. */
export class CheckContext {
  readonly file: PageFile;
  /** Number of the newest commit. */
  readonly transaction: bigint;
  readonly layout: PageLayout;
  readonly #inUse: PageSet;
  readonly #maxReads: number;
  #reads = 0;

  constructor(file: PageFile, { transaction, maxReads }: { readonly transaction: bigint; readonly maxReads: number }) {
    this.file = file;
    this.transaction = transaction;
    this.layout = new PageLayout(file);
    this.#inUse = new PageSet(file.lastPage);
    this.#maxReads = maxReads;
  }

  /** Whether nothing has been left out. */
  get isComplete(): boolean {
    return this.#reads <= this.#maxReads;
  }

  get isPauseDue(): boolean {
    return this.#reads % READS_PER_STEP === 0;
  }

  /** Called before a leaf or an overflow page is read. @returns false when there have been enough. */
  mayRead(): boolean {
    return ++this.#reads <= this.#maxReads;
  }

  /** Adds pages to those that are in use. @param by page that refers to them */
  use(first: number, count: number, by: number): void {
    if (first < 2 || count < 1 || first + count - 1 > this.file.lastPage) {
      throw this.file.damaged(by, `it refers to the pages ${first} to ${first + count - 1} of ${this.file.lastPage}`);
    }
    for (let page = first; page < first + count; page++) {
      if (!this.#inUse.add(page)) throw this.file.damaged(by, `it refers to page ${page}, which is in use elsewhere or free`);
    }
  }

  /** Reads a page, or its header, and checks what pages of all kinds begin with. */
  read(into: Page, number: number, length?: number): void {
    this.file.read(into, number, length);
    const transaction = into.bytes.readBigUInt64LE(8);
    if (transaction > this.transaction) throw this.file.damaged(number, `it is of transaction ${transaction}, after the newest one`);
  }
}
