import { deferred, type Deferred } from "@parley/core/internal";
import { type Environment, StorageError } from "@parley/storage";
import type { Appended, AppendOutcome, ChannelLog, Head, LogPage, NewEntry, ReadOptions, Retention, Watch } from "./channel-log.ts";
import { type Change, ChannelTables, type StoredChannel } from "./channel-tables.ts";
import { Draft } from "./draft.ts";
import { KeyJournal } from "./key-journal.ts";
import { DEFAULT_KEY_WINDOW } from "./key-window.ts";
import type { LogOptions } from "./memory-log.ts";
import { readRetention } from "./retention.ts";
import { Watchers } from "./watchers.ts";

/** Bytes of bodies that share a commit, about. */
const GROUP_BYTES = 8 * 1024 * 1024;

interface Job {
  readonly channel: string;
  readonly publisher: string;
  readonly entries: readonly NewEntry[];
  readonly bytes: number;
  readonly done: Deferred<readonly AppendOutcome[]>;
}

/** What a group of appends will have done to one channel. */
interface Plan {
  readonly channel: StoredChannel;
  readonly draft: Draft;
}

/**
 * Logs in a server's data directory.
 *
 * Appends that arrive during a commit share the next one, so any number of publishers share a flush of the disk. A commit assigns sequence
 * numbers when it begins, and updates the state in memory once it is durable: a failed commit leaves no gap.
 */
export class LmdbLog implements ChannelLog {
  readonly evictsByAccount: boolean = true;
  readonly #environment: Environment;
  readonly #tables: ChannelTables;
  readonly #journal: KeyJournal;
  readonly #retention: Retention;
  readonly #now: () => number;
  readonly #expiryNow: () => number;
  readonly #watchers = new Watchers();
  #jobs: Job[] = [];
  /** Channels that may hold what is too old or too much. */
  #retaining = new Set<string>();
  /** Those that hold too much still, since a commit removes a bounded number of segments. Appends to them wait. */
  readonly #overfull = new Set<string>();
  /** Logs that are being cleared, and what waits for it. */
  readonly #clearing = new Map<string, Deferred<void>>();
  #running: Promise<void> | undefined;
  #closed = false;

  private constructor(environment: Environment, options: LogOptions) {
    this.#environment = environment;
    this.#now = options.now ?? Date.now;
    this.#expiryNow = options.expiryNow ?? this.#now;
    this.#retention = readRetention(options.retention);
    this.#tables = new ChannelTables(environment);
    this.#journal = new KeyJournal(environment, { ...DEFAULT_KEY_WINDOW, ...options.keys }, this.#expiryNow());
  }

  /**
   * Opens the logs of an environment, one at a time per environment. Closing them leaves the environment open.
   *
   * @throws StorageError `storage_failed`, `data_dir_unusable`
   */
  static open(environment: Environment, options: LogOptions = {}): LmdbLog {
    return failing("The logs can't be read", () => new LmdbLog(environment, options));
  }

  append(channel: string, publisher: string, entries: readonly NewEntry[]): Promise<readonly AppendOutcome[]> {
    if (this.#closed) return rejectClosed();
    const bytes = entries.reduce((sum, { body }) => sum + body.length, 0);
    const done = deferred<readonly AppendOutcome[]>();
    this.#jobs.push({ channel, publisher, entries, bytes, done });
    this.#running ??= this.#run();
    return done.promise;
  }

  async read(name: string, options: ReadOptions): Promise<LogPage> {
    if (this.#closed) return rejectClosed();
    return failing("A log can't be read", () => this.#tables.read(name, options));
  }

  async head(name: string): Promise<Head> {
    if (this.#closed) return rejectClosed();
    return failing("A log can't be read", () => this.#tables.head(name));
  }

  async watch(name: string, listener: (page: Appended) => void): Promise<Watch> {
    if (this.#closed) return rejectClosed();
    const head = failing("A log can't be read", () => this.#tables.head(name));
    // The head includes a commit that is on disk and not yet announced.
    const fromHead = (page: Appended): void => {
      if (page.first >= head.next) listener(page);
    };
    return { head, stop: this.#watchers.add(name, fromHead) };
  }

  storedBytes(publisher: string): number {
    return this.#tables.publishers.bytesOf(publisher);
  }

  get totalStoredBytes(): number {
    return this.#tables.publishers.total;
  }

  async expire(): Promise<void> {
    if (this.#closed) return rejectClosed();
    const oldest = this.#expiryNow() - this.#retention.maxAgeMs;
    for (const names of this.#tables.namesByPage()) {
      for (const name of names) if (this.#tables.exceeds(name, this.#retention, oldest)) this.#retaining.add(name);
      if (this.#retaining.size > 0) await (this.#running ??= this.#run());
      // One page after the other, and others' work in between.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  readonly clear = (name: string): Promise<void> => {
    if (this.#closed) return rejectClosed();
    const cleared = this.#clearing.get(name) ?? deferred<void>();
    this.#clearing.set(name, cleared);
    this.#retaining.add(name);
    this.#running ??= this.#run();
    return cleared.promise;
  };

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    this.#endClearing(this.#clearing.keys(), new StorageError("storage_failed", "The log is closed"));
  }

  async #run(): Promise<void> {
    // What the rest of this turn of the event loop brings shares the first commit.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#jobs.length > 0 || (this.#retaining.size > 0 && !this.#closed)) await this.#commit(this.#takeJobs());
    this.#running = undefined;
  }

  #takeJobs(): readonly Job[] {
    const taken: Job[] = [];
    const left: Job[] = [];
    let bytes = 0;
    for (const job of this.#jobs) {
      const waits = bytes >= GROUP_BYTES || (this.#overfull.has(job.channel) && !this.#closed);
      if (!waits) bytes += job.bytes;
      (waits ? left : taken).push(job);
    }
    this.#jobs = left;
    return taken;
  }

  async #commit(jobs: readonly Job[]): Promise<void> {
    const retaining = this.#retaining;
    this.#retaining = new Set();
    this.#overfull.clear();
    const plans = new Map<string, Plan>();
    try {
      const outcomes = failing("A log can't be read", () => jobs.map((job) => this.#plan(job, plans)));
      const done = await this.#write([...plans.values()], retaining);
      done();
      for (const [index, job] of jobs.entries()) job.done.resolve(outcomes[index] ?? []);
    } catch (error) {
      for (const { done } of jobs) done.reject(error);
    }
  }

  #plan({ channel: name, publisher, entries }: Job, plans: Map<string, Plan>): readonly AppendOutcome[] {
    const known = plans.get(name);
    const channel = known?.channel ?? this.#tables.openOrCreate(name);
    const plan = known ?? { channel, draft: new Draft(channel, this.#journal.window) };
    if (known === undefined) plans.set(name, plan);
    return entries.map((entry) => plan.draft.add(publisher, entry));
  }

  /** Writes what is planned. Returns what is to be done once everything is durable, which it is then. */
  async #write(plans: readonly Plan[], retaining: ReadonlySet<string>): Promise<() => void> {
    const now = this.#now();
    const expiryNow = this.#expiryNow();
    const written = plans.filter(({ draft }) => draft.bodies.length > 0);
    try {
      const changes = failing("A log can't be read", () =>
        this.#tables.plan(written, retaining, { retention: this.#retention, clearing: this.#clearing }, expiryNow),
      );
      // Rejected and repeated entries refer to durable commits, since one commit runs at a time.
      if (changes.length === 0) return () => this.#endClearing(retaining);
      const keys = written.flatMap(({ draft }) => draft.keys);
      const taken = this.#tables.put(changes, now);
      const number = keys.length > 0 ? this.#journal.put(keys, expiryNow) : 0;
      // The jobs that arrived during the previous commit are in this one, so there is nothing to wait for.
      await this.#environment.writes.flushNow();
      return () => {
        taken();
        this.#journal.take(number, keys, expiryNow);
        for (const change of changes) if (change.removal?.isDone === false) this.#continue(change);
        this.#endClearing(changes.flatMap(({ channel, isCleared }) => (isCleared ? channel.name : [])));
        // Logs that were written to during that, and those without any entry.
        for (const name of retaining) if (this.#clearing.has(name)) this.#clearAgain(name, changes);
        for (const { channel, draft } of written) this.#watchers.notify(channel.name, draft);
      };
    } catch (error) {
      this.#tables.discard([...written.map(({ channel }) => channel.name), ...retaining]);
      this.#endClearing(retaining, error);
      throw error;
    }
  }

  #clearAgain(name: string, changes: readonly Change[]): void {
    if (changes.some(({ channel }) => channel.name === name)) this.#retaining.add(name);
    else this.#endClearing([name]);
  }

  #endClearing(names: Iterable<string>, error?: unknown): void {
    for (const name of names) {
      const cleared = this.#clearing.get(name);
      this.#clearing.delete(name);
      if (error === undefined) cleared?.resolve();
      else cleared?.reject(error);
    }
  }

  /** Removes the rest of what a log holds too much, or too long, with the next commit. */
  #continue({ channel, after }: Change): void {
    this.#retaining.add(channel.name);
    const { maxEntries, maxBytes } = this.#retention;
    if (after.entries > maxEntries || after.bytes > maxBytes) this.#overfull.add(channel.name);
  }
}

function failing<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof StorageError ? error : new StorageError("storage_failed", what, { cause: error });
  }
}

function rejectClosed(): Promise<never> {
  return Promise.reject(new StorageError("storage_failed", "The log is closed"));
}
