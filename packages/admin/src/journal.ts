import type { AdminEvent } from "@parley/server-kit";

/** An event in the journal. */
export interface JournalEntry {
  /** Ascending from 1, without gaps. */
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Name of the server. */
  readonly source: string;
  readonly event: AdminEvent;
}

/** Events of a journal after a place. */
export interface JournalPage {
  readonly entries: readonly JournalEntry[];
  /** Events after the place that are no longer in the journal, or left out of the page. */
  readonly lost: number;
}

/** Limits of a {@link Journal}. */
export interface JournalLimits {
  /** Events. Default 20,000. */
  readonly maxEntries: number;
  /** Characters of all message bodies. Default 16 Mi. */
  readonly maxBodies: number;
  /** Characters of one body; longer ones are left out. Default 64 Ki. */
  readonly maxBody: number;
}

const LIMITS: JournalLimits = { maxEntries: 20_000, maxBodies: 16 * 1024 * 1024, maxBody: 64 * 1024 };
/** Characters of a text that peers choose, such as an id. */
const MAX_TEXT = 256;
/** Characters of a reason. */
const MAX_REASON = 1024;
/** Recipients of one message. */
const MAX_RECIPIENTS = 16;

/** The latest events of the servers, in memory. A new event replaces the oldest one, so that recording never waits. */
export class Journal {
  readonly #limits: JournalLimits;
  readonly #keepsBodies: boolean;
  /** Rings, by sequence number modulo their length. An entry is made of them when it is read, so that recording allocates nothing. */
  readonly #events: (AdminEvent | undefined)[];
  readonly #sources: string[];
  readonly #times: Float64Array;
  /** Sequence numbers of the entries with bodies, the oldest first. */
  #withBodies: number[] = [];
  #bodies = 0;
  #last = 0;

  constructor({ keepsBodies = false, limits = {} }: { readonly keepsBodies?: boolean; readonly limits?: Partial<JournalLimits> } = {}) {
    this.#keepsBodies = keepsBodies;
    this.#limits = { ...LIMITS, ...limits };
    const { maxEntries } = this.#limits;
    this.#events = Array.from({ length: maxEntries }, () => undefined);
    this.#sources = Array.from({ length: maxEntries }, () => "");
    this.#times = new Float64Array(maxEntries);
  }

  /** Sequence number of the latest event; 0 without one. */
  get last(): number {
    return this.#last;
  }

  record(source: string, event: AdminEvent): void {
    const seq = ++this.#last;
    const kept = this.#bounded(event);
    const at = seq % this.#events.length;
    const former = this.#events[at]?.body;
    if (former !== undefined) this.#bodies -= former.length;
    this.#events[at] = kept;
    this.#sources[at] = source;
    this.#times[at] = Date.now();
    if (kept.body !== undefined) this.#keep(seq, kept.body.length);
  }

  /** The event with a sequence number, if the journal still has it. */
  get(seq: number): JournalEntry | undefined {
    if (seq <= 0 || seq > this.#last || seq <= this.#last - this.#events.length) return undefined;
    const at = seq % this.#events.length;
    const event = this.#events[at];
    return event && { seq, time: this.#times[at] ?? 0, source: this.#sources[at] ?? "", event };
  }

  /** The latest events after a place, oldest first, at most `limit`. Older ones after the place count as lost. */
  after(place: number, limit: number): JournalPage {
    const start = Math.max(place + 1, this.#last - Math.min(limit, this.#events.length) + 1, 1);
    const entries: JournalEntry[] = [];
    for (let seq = start; seq <= this.#last; seq++) {
      const entry = this.get(seq);
      if (entry !== undefined) entries.push(entry);
    }
    return { entries, lost: start - place - 1 };
  }

  /** Events before a place that match, newest first. */
  *before(place: number, matches: (entry: JournalEntry) => boolean): Generator<JournalEntry> {
    for (let seq = Math.min(place - 1, this.#last); seq > 0; seq--) {
      const entry = this.get(seq);
      if (entry === undefined) return;
      if (matches(entry)) yield entry;
    }
  }

  #bounded(event: AdminEvent): AdminEvent {
    const { body, id, type, thread, parentThread, reason, to } = event;
    const keepsBody = body !== undefined && this.#keepsBodies && body.length <= this.#limits.maxBody;
    const isShort = fits(id) && fits(type) && fits(thread) && fits(parentThread) && fits(reason, MAX_REASON);
    if (isShort && keepsBody === (body !== undefined) && (to?.length ?? 0) <= MAX_RECIPIENTS) return event;
    const bounded: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(event))
      bounded[name] = typeof value === "string" && name !== "body" ? clip(value, name === "reason" ? MAX_REASON : MAX_TEXT) : value;
    if (!keepsBody) delete bounded["body"];
    if (to !== undefined) bounded["to"] = to.slice(0, MAX_RECIPIENTS);
    return bounded as unknown as AdminEvent;
  }

  /** Removes the oldest bodies when all of them together are too long. */
  #keep(seq: number, length: number): void {
    this.#withBodies.push(seq);
    this.#bodies += length;
    let removed = 0;
    while (this.#bodies > this.#limits.maxBodies && removed < this.#withBodies.length - 1) {
      const oldest = this.#withBodies[removed++] ?? 0;
      const event = this.get(oldest)?.event;
      if (event?.body === undefined) continue;
      this.#bodies -= event.body.length;
      const { body: _, ...rest } = event;
      this.#events[oldest % this.#events.length] = rest;
    }
    if (removed > 0) this.#withBodies = this.#withBodies.slice(removed);
    else if (this.#withBodies.length > 2 * this.#events.length) this.#withBodies = this.#withBodies.slice(-this.#events.length);
  }
}

function fits(text: string | undefined, max = MAX_TEXT): boolean {
  return text === undefined || text.length <= max;
}

/** A copy: a part of a string would keep all of it in memory. */
function clip(text: string, max: number): string {
  return text.length <= max ? text : Buffer.from(`${text.slice(0, max)}…`).toString();
}
