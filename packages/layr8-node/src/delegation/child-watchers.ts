import type { DelegatedGrants, DelegatedReading } from "./delegated-grants.ts";

/** The connection of a child, which gets a new set of grants after each change of its parent's. */
export interface ChildConnection {
  readonly did: string;
  pushDelegated(reading: DelegatedReading, revision: number): void;
}

/** A child's connection, from its join on. */
export interface WatchedChild {
  readonly parent: string;
  readonly connection: ChildConnection;
  isStale: boolean;
  isReading: boolean;
  revision: number;
}

/** Pushes derived grants to children whose parent's stored grants have changed: in the order of the changes, each time the whole set. */
export class ChildWatchers {
  readonly #grants: DelegatedGrants;
  readonly #byParent = new Map<string, Set<WatchedChild>>();
  #changes = 0;

  constructor(grants: DelegatedGrants) {
    this.#grants = grants;
  }

  /** Number of changes so far, of all DIDs. */
  get changes(): number {
    return this.#changes;
  }

  /** The grants of a child's join. */
  read(parent: string, child: string): Promise<DelegatedReading> {
    return this.#grants.read(parent, child);
  }

  /**
   * Called when a join is answered.
   *
   * @param since the number of changes before the grants of the join were read. If there were others since, they are read again.
   */
  watch(parent: string, connection: ChildConnection, since: number): WatchedChild {
    const child: WatchedChild = { parent, connection, isStale: since !== this.#changes, isReading: false, revision: 0 };
    const children = this.#byParent.get(parent);
    if (children === undefined) this.#byParent.set(parent, new Set([child]));
    else children.add(child);
    if (child.isStale) void this.#push(child);
    return child;
  }

  unwatch(child: WatchedChild): void {
    const children = this.#byParent.get(child.parent);
    children?.delete(child);
    if (children?.size === 0) this.#byParent.delete(child.parent);
  }

  /** The credentials stored for a DID have changed. */
  changed(parent: string): void {
    this.#changes++;
    for (const child of this.#byParent.get(parent) ?? []) {
      child.isStale = true;
      if (!child.isReading) void this.#push(child);
    }
  }

  async #push(child: WatchedChild): Promise<void> {
    child.isReading = true;
    while (child.isStale) {
      child.isStale = false;
      // oxlint-disable-next-line no-await-in-loop
      const reading = await this.#grants.read(child.parent, child.connection.did);
      if (reading.status !== "unread") child.connection.pushDelegated(reading, ++child.revision);
    }
    child.isReading = false;
  }
}
