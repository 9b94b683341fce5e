import { MAX_TIMER_MS } from "@parley/core/internal";
import { AdapterError } from "../adapter-error.ts";
import type { SessionSink } from "./session.ts";

/** Limits on the sessions of a server. */
export interface McpServerLimits {
  /** Concurrent sessions; more are rejected. Default 256. */
  readonly maxSessions?: number;
  /** Concurrent sessions of one party; one more ends its least recently used session. Default 32. */
  readonly maxSessionsPerSender?: number;
  /** Milliseconds without a message in either direction until a session is ended; `Infinity` for never. Default 3600000 (1 hour). */
  readonly idleTimeoutMs?: number;
}

/** One open session. */
export interface SessionEntry {
  readonly id: string;
  /** The client; see `partyOf`. */
  readonly party: string | undefined;
  sink: SessionSink | undefined;
  /** Fires when the session has ended. */
  readonly ended: AbortController;
  lastUsed: number;
}

function sessionClosed(): AdapterError {
  return new AdapterError("closed", "The MCP session is closed");
}

/** The open sessions of a server. */
export class SessionTable {
  /** Least recently used first. */
  readonly #entries = new Map<string, SessionEntry>();
  readonly #maxSessions: number;
  readonly #maxPerSender: number;
  readonly #idleTimeoutMs: number;
  readonly #onEvicted: (entry: SessionEntry) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: McpServerLimits, onEvicted: (entry: SessionEntry) => void) {
    this.#maxSessions = options.maxSessions ?? 256;
    this.#maxPerSender = options.maxSessionsPerSender ?? 32;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? 3_600_000;
    this.#onEvicted = onEvicted;
  }

  get(id: string): SessionEntry | undefined {
    return this.#entries.get(id);
  }

  /** @throws AdapterError `too_many` */
  add(id: string, party: string | undefined): SessionEntry {
    if (party !== undefined) this.#evictOldestOf(party);
    if (this.#entries.size >= this.#maxSessions)
      throw new AdapterError("too_many", `The maximum of ${this.#maxSessions} MCP sessions is reached`);
    const entry: SessionEntry = { id, party, sink: undefined, ended: new AbortController(), lastUsed: performance.now() };
    this.#entries.set(id, entry);
    this.#schedule();
    return entry;
  }

  touch(entry: SessionEntry): void {
    if (this.#entries.get(entry.id) !== entry) return;
    entry.lastUsed = performance.now();
    this.#entries.delete(entry.id);
    this.#entries.set(entry.id, entry);
  }

  delete(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    entry.ended.abort(sessionClosed());
  }

  clear(): readonly SessionEntry[] {
    const all = [...this.#entries.values()];
    for (const { ended } of all) ended.abort(sessionClosed());
    this.#entries.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return all;
  }

  #evictOldestOf(party: string): void {
    const own = [...this.#entries.values()].filter((entry) => entry.party === party);
    const [oldest] = own;
    if (oldest !== undefined && own.length >= this.#maxPerSender) this.#evict(oldest);
  }

  #evict(entry: SessionEntry): void {
    this.delete(entry.id);
    this.#onEvicted(entry);
  }

  /** Schedules the idle timeout of the least recently used session. */
  #schedule(): void {
    const [oldest] = this.#entries.values();
    if (this.#timer !== undefined || oldest === undefined || this.#idleTimeoutMs === Infinity) return;
    const waitMs = oldest.lastUsed + this.#idleTimeoutMs - performance.now();
    this.#timer = setTimeout(() => this.#endIdle(), Math.min(Math.max(waitMs, 1), MAX_TIMER_MS));
    this.#timer.unref();
  }

  #endIdle(): void {
    this.#timer = undefined;
    const deadline = performance.now() - this.#idleTimeoutMs;
    for (const entry of this.#entries.values()) {
      if (entry.lastUsed > deadline) break;
      this.#evict(entry);
    }
    this.#schedule();
  }
}
