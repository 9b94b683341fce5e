import type { ServerResponse } from "node:http";
import type { EventFilter } from "./event-filter.ts";
import type { Journal } from "./journal.ts";
import type { Sampler } from "./sampler.ts";
import { shownEntry } from "./shown-entry.ts";

/** Options of {@link EventStream}. */
export interface EventStreamOptions {
  readonly journal: Journal;
  readonly sampler: Sampler;
  readonly filter: EventFilter;
  /** Sequence number of the last event that the page has. */
  readonly after: number;
}

/** Bytes that wait for a page above which it gets nothing more. */
const MAX_WAITING = 256 * 1024;
/** Events looked at, and events sent, in one turn. */
const MAX_LOOKED = 5000;
const MAX_SENT = 400;
/** Turns without an event after which a comment is sent, so that a lost page is noticed. */
const QUIET_TURNS = 60;

/**
 * Sends events to one page (Server-Sent Events). It holds no events itself: it reads the journal a few times a second. A page that reads
 * slowly misses the events that the journal has dropped, and is told how many.
 */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #options: EventStreamOptions;
  #place: number;
  #sampledAt = 0;
  #missed = 0;
  #quiet = 0;

  constructor(response: ServerResponse, options: EventStreamOptions) {
    this.#response = response;
    this.#options = options;
    this.#place = Math.min(options.after, options.journal.last);
    this.#sampledAt = Date.now();
  }

  /** Sends what is new. Called by a timer, several times a second. */
  turn(): void {
    if (this.#response.writableLength > MAX_WAITING) return;
    const { journal, sampler, filter } = this.#options;
    const { entries, lost } = journal.after(this.#place, MAX_LOOKED);
    this.#place = journal.last;
    const matching = entries.filter(filter);
    const sent = matching.slice(-MAX_SENT);
    this.#missed += lost + matching.length - sent.length;
    const samples = sampler.after(this.#sampledAt);
    this.#sampledAt = samples.at(-1)?.time ?? this.#sampledAt;
    if (this.#missed > 0 || sent.length > 0)
      this.#send("events", { missed: this.#missed, last: this.#place, events: sent.map(shownEntry) });
    if (samples.length > 0) this.#send("samples", samples);
    this.#missed = 0;
    this.#quiet = sent.length + samples.length > 0 ? 0 : this.#quiet + 1;
    if (this.#quiet === QUIET_TURNS) {
      this.#quiet = 0;
      this.#response.write(":\n\n");
    }
  }

  end(): void {
    this.#response.end();
  }

  #send(name: string, data: unknown): void {
    this.#response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
