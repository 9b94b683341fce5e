import type { Stores } from "./stores.ts";

/** How often a node that shares its DIDs notes that an ephemeral one is in use, in the time after which it is removed. */
const SEEN_PER_GRACE = 4;

/** Options of {@link expireDids}. */
export interface ExpireDidsOptions {
  readonly stores: Pick<Stores, "dids" | "clock" | "shared">;
  /** How long an ephemeral DID is hosted after its last use, in milliseconds. */
  readonly graceMs: number;
  readonly isInUse: (did: string) => boolean;
  /** Removes everything of a DID that is no longer hosted. */
  readonly forget: (did: string) => Promise<void>;
}

/** Removes ephemeral DIDs that are not in use. Of nodes that share their DIDs, one does it. Called every second. @throws StorageError `storage_failed` */
export async function expireDids({ stores, graceMs, isInUse, forget }: ExpireDidsOptions): Promise<void> {
  const { dids, clock, shared } = stores;
  if (shared !== undefined) {
    await dids.see(clock.expiry() - graceMs / SEEN_PER_GRACE, isInUse);
    if (!shared.maintains()) return;
  }
  for await (const did of dids.expire(clock.expiry() - graceMs, isInUse)) await forget(did);
}
