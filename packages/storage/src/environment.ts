import type { Table } from "./table.ts";
import type { WriteQueue } from "./write-queue.ts";

/** The durable storage of a server, as its stores use it. */
export interface Environment {
  /** The queue of all writes. */
  readonly writes: WriteQueue;
  /** Opens a table, and creates it if it does not exist. Open all tables before the first write. */
  table(name: string): Table;
}
