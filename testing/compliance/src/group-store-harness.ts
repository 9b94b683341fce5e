import type { GroupStore } from "@parley/mls-engine";

/** Optional abilities of a store. A store in memory loses its data when it is closed. */
export type GroupStoreAbility = "reopen";

/** A location on which stores are opened, one at a time. */
export interface GroupStoreHarness {
  /** Opens the store. The previous one must be closed. */
  open(): Promise<GroupStore>;
  /** Releases all resources. Called after every test, with every store closed. */
  stop(): Promise<void>;
}
