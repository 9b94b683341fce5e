import { appendEntry, type AuditEntry, type AuditEvent, type ChainPosition, chainStart, createSalt } from "@parley/audit";
import { TimeSlice } from "@parley/core/internal";
import { type Environment, numbersKey, type Table, type WriteQueue } from "@parley/storage";

/** A chain, up to its last entry on disk. */
export interface Chain extends ChainPosition {
  readonly agent: string;
  /** Number of the first entry that is still stored; one more than `seq` without entries. */
  readonly first: number;
  /** The signed statement of the entries that retention has removed: a compact JWS. */
  readonly cut?: string | undefined;
}

/** Stored form of a chain. */
type ChainRecord = Chain & {
  /** Number of the chain, which the keys of its entries begin with. */
  readonly number: number;
};

type MutableChain = { -readonly [K in keyof ChainRecord]: ChainRecord[K] } & {
  isRemoved: boolean;
  /** Resolves when the latest accepted message is on disk, or has failed. */
  written: Promise<unknown>;
};

const WRITTEN: Promise<unknown> = Promise.resolve();

/** An event that is not on disk yet. */
interface PendingEvent {
  readonly chain: MutableChain;
  readonly event: AuditEvent;
  /** Whether it is about a message that is stored in the same commit, and void if the commit fails. */
  readonly withMessage: boolean;
}

/** The start of a chain, as retention leaves it. */
type ChainStart = Pick<Chain, "first" | "cut">;

/** Changes of chains in one commit. They are void if it fails. */
interface Changes {
  readonly events: readonly PendingEvent[];
  readonly ends: ReadonlyMap<MutableChain, ChainPosition>;
  readonly starts: ReadonlyMap<MutableChain, ChainStart>;
}

/** Longest time until an event is written, in milliseconds. */
const PATIENCE_MS = 20;
/** Events that are kept while commits fail. */
const MAX_RETRIED = 10_000;
/** Entries that are removed in one commit. */
const MAX_REMOVED = 1000;

/**
 * The chains of a node's agents. Tables: `audit-chains` (chain → JSON with its last entry) and `audit-entries` (chain, number → JSON of the entry).
 *
 * Entries get their place when they are committed, in the order of the calls of {@link AuditChains.add}: each commit continues the chains from what is
 * on disk, so that neither a crash nor a failed commit leaves a gap or a second version of an entry.
 */
export class AuditChains {
  readonly #writes: WriteQueue;
  readonly #records: Table;
  readonly #entries: Table;
  readonly #chains = new Map<string, MutableChain>();
  #onLost: (error: Error) => void = () => undefined;
  #fresh: PendingEvent[] = [];
  /** Chains whose first entries the next commit removes. */
  #cuts = new Map<MutableChain, ChainStart>();
  /** The commit under way. */
  #committing: Changes | undefined;
  #nextNumber = 1;

  /** Loads the chains. Called before the first write of the environment. */
  constructor(environment: Environment) {
    this.#writes = environment.writes;
    this.#records = environment.table("audit-chains");
    this.#entries = environment.table("audit-entries");
    this.#load();
    this.#writes.onBeforeCommit(() => this.#beforeCommit());
    this.#writes.onCommitted(() => this.#committed());
  }

  /** Sets the listener for entries that could not be written. */
  onLost(listener: (error: Error) => void): void {
    this.#onLost = listener;
  }

  /** DIDs that have a chain. */
  agents(): readonly string[] {
    return [...this.#chains.keys()];
  }

  /** The chain of an agent; an empty one for an agent without a chain. */
  find(agent: string): Chain {
    const chain = this.#chains.get(agent);
    if (chain === undefined) return { agent, ...chainStart(agent), first: 1 };
    const { seq, hash, first, cut } = chain;
    return { agent, seq, hash, first, cut };
  }

  /** Number of stored entries of all chains. */
  get size(): number {
    let size = 0;
    for (const { seq, first } of this.#chains.values()) size += seq - first + 1;
    return size;
  }

  /**
   * Adds an entry to the chain of an agent. It is on disk about 20 ms later, or with the next commit.
   *
   * @param withMessage whether it is about a message whose writes are queued in this turn of the event loop: both are in the same commit. If that
   *   fails, the entry is void. Other events are written with the next commit then.
   */
  add(agent: string, event: AuditEvent, { withMessage = false }: { readonly withMessage?: boolean } = {}): void {
    const chain = this.#chains.get(agent) ?? this.#create(agent);
    const isFirst = this.#fresh.push({ chain, event, withMessage }) === 1;
    if (!isFirst && !withMessage) return;
    this.#writes.announce();
    // A failure of the commit is handled with the next one.
    const written = this.#writes.flush(withMessage ? 0 : PATIENCE_MS).catch(() => undefined);
    if (withMessage) chain.written = written;
  }

  /** Resolves when the entries of messages that an agent's chain has accepted before are on disk. */
  async written(agent: string): Promise<void> {
    await this.#chains.get(agent)?.written;
  }

  /** The entries after a number, oldest first. Damaged ones are left out. @throws StorageError `storage_failed` */
  read(agent: string, after: number, limit: number): readonly AuditEntry[] {
    const chain = this.#chains.get(agent);
    if (chain === undefined || after >= chain.seq) return [];
    const start = numbersKey(chain.number, Math.max(after + 1, chain.first));
    const rows = this.#entries.getRange({ start, end: numbersKey(chain.number, chain.seq + 1), limit });
    return Array.from(rows, ({ value }) => parse(value) as AuditEntry | undefined).filter((entry) => entry !== undefined);
  }

  /**
   * Removes the entries up to a number, and stores the signed statement about that. Resolves when it is durable.
   *
   * @throws StorageError `storage_failed`: nothing was removed
   */
  async cut(agent: string, seq: number, statement: string): Promise<void> {
    const chain = this.#chains.get(agent);
    if (chain === undefined || seq < chain.first || seq > chain.seq) return;
    // Another commit may be adding entries: the record of the chain is written after it.
    this.#cuts.set(chain, { first: seq + 1, cut: statement });
    this.#writes.announce();
    await this.#writes.flush();
  }

  /** Removes the chain of an agent. Resolves when that is durable. @throws StorageError `storage_failed` */
  async remove(agent: string): Promise<void> {
    const chain = this.#chains.get(agent);
    if (chain === undefined) return;
    this.#chains.delete(agent);
    chain.isRemoved = true;
    // A commit under way may add entries.
    await this.#writes.flush().catch(() => undefined);
    for (let first = chain.first; first <= chain.seq; first += MAX_REMOVED) {
      this.#removeEntries(chain, first, Math.min(first + MAX_REMOVED - 1, chain.seq));
      // oxlint-disable-next-line no-await-in-loop
      await this.#writes.flush();
    }
    // Last, so that the next start continues the removal after a crash.
    this.#writes.remove(this.#records, numbersKey(chain.number));
    await this.#writes.flush();
  }

  /** Removes the chains of all other agents. Called at the start: a DID may have been removed in the moment of a crash. */
  async retain(isHosted: (agent: string) => boolean): Promise<void> {
    const slice = new TimeSlice();
    for (const agent of this.agents()) {
      // oxlint-disable-next-line no-await-in-loop
      if (!isHosted(agent)) await this.remove(agent);
      // oxlint-disable-next-line no-await-in-loop
      if (slice.isOver) await slice.next();
    }
  }

  #create(agent: string): MutableChain {
    const chain = { agent, ...chainStart(agent), first: 1, cut: undefined, number: this.#nextNumber++, isRemoved: false, written: WRITTEN };
    this.#chains.set(agent, chain);
    return chain;
  }

  #beforeCommit(): void {
    if (this.#committing !== undefined) this.#takeBack(this.#committing.events);
    const [events, starts] = [this.#fresh, this.#cuts];
    if (events.length === 0 && starts.size === 0) return;
    const ends = new Map<MutableChain, ChainPosition>();
    for (const { chain, event } of events) {
      if (chain.isRemoved) continue;
      const entry = appendEntry(ends.get(chain) ?? chain, event, createSalt());
      this.#writes.put(this.#entries, numbersKey(chain.number, entry.seq), Buffer.from(JSON.stringify(entry)));
      ends.set(chain, entry);
    }
    for (const [chain, { first }] of starts) this.#removeEntries(chain, chain.first, first - 1);
    for (const chain of new Set([...ends.keys(), ...starts.keys()])) {
      if (!chain.isRemoved) this.#write(chain, ends.get(chain) ?? chain, starts.get(chain) ?? chain);
    }
    this.#committing = { events, ends, starts };
    this.#fresh = [];
    this.#cuts = new Map();
  }

  #committed(): void {
    const { ends, starts } = this.#committing ?? {};
    for (const [chain, { seq, hash }] of ends ?? []) [chain.seq, chain.hash] = [seq, hash];
    for (const [chain, { first, cut }] of starts ?? []) [chain.first, chain.cut] = [first, cut];
    this.#committing = undefined;
  }

  /** The commit has failed. */
  #takeBack(events: readonly PendingEvent[]): void {
    this.#committing = undefined;
    const retried = [...events.filter(({ withMessage }) => !withMessage), ...this.#fresh];
    const lost = retried.length - MAX_RETRIED;
    this.#fresh = lost > 0 ? retried.slice(0, MAX_RETRIED) : retried;
    if (lost > 0) this.#onLost(new Error(`${lost} entries of audit chains were lost, because the disk has failed for too long`));
  }

  #removeEntries(chain: MutableChain, first: number, last: number): void {
    for (let number = first; number <= last; number++) this.#writes.remove(this.#entries, numbersKey(chain.number, number));
  }

  #write({ agent, number }: MutableChain, { seq, hash }: ChainPosition, { first, cut }: ChainStart): void {
    const record: ChainRecord = { agent, number, seq, hash, first, ...(cut !== undefined && { cut }) };
    this.#writes.put(this.#records, numbersKey(number), Buffer.from(JSON.stringify(record)));
  }

  #load(): void {
    const damaged: Uint8Array[] = [];
    for (const { key, value } of this.#records.getRange({ onDamaged: (bad) => damaged.push(Uint8Array.from(bad)) })) {
      const record = parse(value) as ChainRecord | undefined;
      if (record === undefined) {
        damaged.push(Uint8Array.from(key));
        continue;
      }
      this.#chains.set(record.agent, { ...record, cut: record.cut, isRemoved: false, written: WRITTEN });
      this.#nextNumber = Math.max(this.#nextNumber, record.number + 1);
    }
    for (const key of damaged) this.#records.setAside(this.#writes, key);
  }
}

function parse(value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString());
  } catch {
    return undefined;
  }
}
