import { Largest } from "./largest.ts";
import type { EntryKind } from "./segment.ts";

/** A number of entries, and the bytes of their bodies. */
export interface Amount {
  readonly entries: number;
  readonly bytes: number;
}

/** The entries of one account in one channel's log, by kind. */
export interface Holding {
  readonly application: Amount;
  readonly handshake: Amount;
}

const NO_HOLDING: Holding = { application: { entries: 0, bytes: 0 }, handshake: { entries: 0, bytes: 0 } };

/**
 * Counts the entries of each account in one channel's log, and finds the account with the most application entries. Entries of older versions, whose account or kind
 * is unknown, are not included.
 */
export class Shares<Id> {
  readonly #holdings = new Map<Id, Holding>();
  readonly #changed = new Set<Id>();
  /** Made when the log is full for the first time. */
  #largest: { readonly entries: Largest<Id>; readonly bytes: Largest<Id> } | undefined;
  #application: Amount = NO_HOLDING.application;

  constructor(holdings: Iterable<readonly [Id, Holding]> = []) {
    for (const [id, holding] of holdings) this.#set(id, holding);
  }

  /** Number of accounts that have entries in the log. */
  get accounts(): number {
    return this.#holdings.size;
  }

  /** The application entries of all accounts. */
  get application(): Amount {
    return this.#application;
  }

  of(id: Id): Holding {
    return this.#holdings.get(id) ?? NO_HOLDING;
  }

  add(id: Id, kind: EntryKind, amount: Amount): void {
    this.#change(id, kind, amount, 1);
  }

  remove(id: Id, kind: EntryKind, amount: Amount): void {
    this.#change(id, kind, amount, -1);
  }

  /** The account with the most application entries, or bytes of them. */
  largest(dimension: keyof Amount): Id | undefined {
    if (this.#largest === undefined) {
      this.#largest = { entries: new Largest(), bytes: new Largest() };
      for (const [id, { application }] of this.#holdings) this.#rank(id, application);
    }
    return this.#largest[dimension].id;
  }

  /** The accounts whose holdings have changed since the last call. */
  takeChanged(): readonly Id[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  #change(id: Id, kind: EntryKind, { entries, bytes }: Amount, sign: 1 | -1): void {
    const { application, handshake } = this.of(id);
    const isApplication = kind === "application";
    const amount = isApplication ? application : handshake;
    const after = { entries: Math.max(0, amount.entries + sign * entries), bytes: Math.max(0, amount.bytes + sign * bytes) };
    this.#set(id, isApplication ? { application: after, handshake } : { application, handshake: after });
    this.#changed.add(id);
  }

  #set(id: Id, holding: Holding): void {
    const { application: before } = this.of(id);
    const { application, handshake } = holding;
    if (application.entries + handshake.entries > 0) this.#holdings.set(id, holding);
    else this.#holdings.delete(id);
    this.#application = {
      entries: this.#application.entries + application.entries - before.entries,
      bytes: this.#application.bytes + application.bytes - before.bytes,
    };
    this.#rank(id, application);
  }

  #rank(id: Id, { entries, bytes }: Amount): void {
    this.#largest?.entries.set(id, entries);
    this.#largest?.bytes.set(id, bytes);
  }
}
