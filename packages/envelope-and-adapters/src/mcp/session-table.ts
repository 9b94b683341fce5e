import { AdapterError } from "../adapter-error.ts";
import type { SessionSink } from "./session.ts";

/** Caps on the sessions of a server. */
export interface SessionTableOptions {
  /** Sessions at the same time; one more is refused. Default 256. */
  readonly maxSessions?: number;
  /** Sessions of one party at the same time; for one more, its longest unused is ended. Default 32. */
  readonly maxSessionsPerSender?: number;
  /** Milliseconds without a message in either direction until a session is ended; `Infinity` for never. Default 3600000 (1 hour). */
  readonly idleTimeoutMs?: number;
}

/** One open session. */
export interface Entry {
  /** Whose it is; see `partyOf`. */
  readonly party: string | undefined;
  sink: SessionSink | undefined;
  /** Fires when the session has ended. */
  readonly over: AbortController;
  lastUsed: number;
}

function ended(): AdapterError {
  return new AdapterError("closed", "The MCP session is closed");
}

const LONGEST_TIMER_MS = 2_147_483_647;

/** The open sessions of a server, by their ids. */
export class SessionTable {
  /** Longest unused first. */
  readonly #entries = new Map<string, Entry>();
  readonly #ids = new Map<Entry, string>();
  readonly #maxSessions: number;
  readonly #maxPerSender: number;
  readonly #idleTimeoutMs: number;
  readonly #onEvicted: (id: string, entry: Entry) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SessionTableOptions, onEvicted: (id: string, entry: Entry) => void) {
    this.#maxSessions = options.maxSessions ?? 256;
    this.#maxPerSender = options.maxSessionsPerSender ?? 32;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? 3_600_000;
    this.#onEvicted = onEvicted;
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** @throws AdapterError `too_many`. */
  add(id: string, party: string | undefined): Entry {
    if (party !== undefined) this.#makeRoom(party);
    if (this.#entries.size >= this.#maxSessions) throw new AdapterError("too_many", `There are ${this.#maxSessions} MCP sessions already`);
    const entry: Entry = { party, sink: undefined, over: new AbortController(), lastUsed: performance.now() };
    this.#entries.set(id, entry);
    this.#ids.set(entry, id);
    this.#watch();
    return entry;
  }

  touch(entry: Entry): void {
    const id = this.#ids.get(entry);
    if (id === undefined) return;
    entry.lastUsed = performance.now();
    this.#entries.delete(id);
    this.#entries.set(id, entry);
  }

  delete(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#ids.delete(entry);
    entry.over.abort(ended());
  }

  clear(): [id: string, entry: Entry][] {
    const all = [...this.#entries];
    for (const [, { over }] of all) over.abort(ended());
    this.#entries.clear();
    this.#ids.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return all;
  }

  #makeRoom(party: string): void {
    const own = [...this.#entries].filter(([, entry]) => entry.party === party);
    const [oldest] = own;
    if (oldest !== undefined && own.length >= this.#maxPerSender) this.#evict(...oldest);
  }

  #evict(id: string, entry: Entry): void {
    this.delete(id);
    this.#onEvicted(id, entry);
  }

  /** Waits for the longest unused session to become idle for too long. */
  #watch(): void {
    const [oldest] = this.#entries.values();
    if (this.#timer !== undefined || oldest === undefined || this.#idleTimeoutMs === Infinity) return;
    const waitMs = oldest.lastUsed + this.#idleTimeoutMs - performance.now();
    this.#timer = setTimeout(() => this.#sweep(), Math.min(Math.max(waitMs, 1), LONGEST_TIMER_MS));
    this.#timer.unref();
  }

  #sweep(): void {
    this.#timer = undefined;
    const deadline = performance.now() - this.#idleTimeoutMs;
    for (const [id, entry] of this.#entries) {
      if (entry.lastUsed > deadline) break;
      this.#evict(id, entry);
    }
    this.#watch();
  }
}
