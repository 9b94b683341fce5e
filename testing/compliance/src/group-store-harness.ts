import type { GroupStore } from "@parley/mls-engine";

/** What not every store can do: one in memory forgets when it is closed. */
export type GroupStoreAbility = "reopen";

/** One place that stores are opened on, one after the other. */
export interface GroupStoreHarness {
  /** Opens the store; the one before has been closed. */
  open(): Promise<GroupStore>;
  /** Releases what the harness holds. Called after every test, with every store closed. */
  stop(): Promise<void>;
}
