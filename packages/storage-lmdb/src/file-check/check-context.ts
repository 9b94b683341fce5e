import { Page, type PageFile } from "./page-file.ts";
import { PageLayout } from "./page-layout.ts";
import { PageSet } from "./page-set.ts";

/** Number of leaf and overflow pages read between two pauses. */
const READS_PER_STEP = 512;

/** State shared by the checks of a file's trees. */
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

  /** Whether no page was skipped. */
  get isComplete(): boolean {
    return this.#reads <= this.#maxReads;
  }

  get isPauseDue(): boolean {
    return this.#reads % READS_PER_STEP === 0;
  }

  /** Called before a leaf or overflow page is read. @returns false when the limit is reached. */
  mayRead(): boolean {
    return ++this.#reads <= this.#maxReads;
  }

  /** Marks pages as used. @param by the page that refers to them */
  use(first: number, count: number, by: number): void {
    if (first < 2 || count < 1 || first + count - 1 > this.file.lastPage) {
      throw this.file.damaged(by, `it refers to the pages ${first} to ${first + count - 1} of ${this.file.lastPage}`);
    }
    for (let page = first; page < first + count; page++) {
      if (!this.#inUse.add(page)) throw this.file.damaged(by, `it refers to page ${page}, which is in use elsewhere or free`);
    }
  }

  /** Reads a page or its header, and checks the header's common part. */
  read(into: Page, number: number, length?: number): void {
    this.file.read(into, number, length);
    const transaction = into.bytes.readBigUInt64LE(8);
    if (transaction > this.transaction) throw this.file.damaged(number, `its transaction ${transaction} is newer than the newest one`);
  }
}
