import type { ServerResponse } from "node:http";
import type { AdminParameters, AdminSource } from "@parley/server-kit";
import { AdminError } from "./admin-error.ts";
import { type EventFilter, readFilter } from "./event-filter.ts";
import { EventStream } from "./event-stream.ts";
import type { Journal } from "./journal.ts";
import { pageBefore, problemsOf, threadOf, type Problem } from "./journal-queries.ts";
import { PROBLEM_CODES } from "./problem-codes.ts";
import type { Sampler, TimedSample } from "./sampler.ts";
import type { ShownEntry } from "./shown-entry.ts";

/** An action that a client has called, for the log. */
export interface PerformedAction {
  /** Name of the server, such as `node`. */
  readonly source: string;
  readonly action: string;
  /** The client's address and program. */
  readonly by: string;
  /** Parameters that name its object, such as a DID or the id of a key. Values are shortened. */
  readonly about: Readonly<Record<string, string>>;
  /** Why it failed. */
  readonly error?: string | undefined;
}

/** What {@link AdminApi} answers from. */
export interface AdminApiOptions {
  readonly journal: Journal;
  readonly sampler: Sampler;
  readonly sources: ReadonlyMap<string, AdminSource>;
  readonly actions: boolean;
  readonly bodies: boolean;
  readonly onAction?: ((action: PerformedAction) => void) | undefined;
}

/** A server as the console lists it. */
export interface ShownSource {
  readonly name: string;
  readonly title: string;
  readonly reads: readonly string[];
  /** Empty if actions are off. */
  readonly actions: readonly string[];
}

/** What the console asks first. */
export interface AdminInfo {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly now: number;
  readonly actions: boolean;
  readonly bodies: boolean;
  readonly sources: readonly ShownSource[];
}

/** Pages that may have a stream at the same time. */
const MAX_STREAMS = 16;
/** Interval at which streams are served, in milliseconds. */
const TURN_MS = 200;
const MAX_PAGE = 1000;
/** Parameters of actions that are logged. */
const LOGGED = ["id", "did", "from", "to", "seq", "channel", "account", "key", "name", "directory"] as const;
const MAX_LOGGED = 256;

/** Answers the calls of the console, without HTTP. */
export class AdminApi {
  readonly #options: AdminApiOptions;
  readonly #startedAt: number = Date.now();
  readonly #streams = new Set<EventStream>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AdminApiOptions) {
    this.#options = options;
  }

  info(): AdminInfo {
    const { actions, bodies, sources } = this.#options;
    const shown = Array.from(sources.values(), ({ name, title, reads, actions: all }) => ({
      name,
      title,
      reads: Object.keys(reads),
      actions: actions ? Object.keys(all) : [],
    }));
    return { startedAt: this.#startedAt, now: Date.now(), actions, bodies, sources: shown };
  }

  /** Events before a place, newest first. @throws AdminError `malformed_request` */
  events({ filter = "", before, limit }: AdminParameters): readonly ShownEntry[] {
    const { journal } = this.#options;
    const size = Math.min(readNumber("limit", limit, 200), MAX_PAGE);
    return pageBefore(journal, { before: readNumber("before", before, journal.last + 1), limit: size, matches: filterOf(filter) });
  }

  thread({ id = "" }: AdminParameters): readonly ShownEntry[] {
    return threadOf(this.#options.journal, id);
  }

  problems(): readonly Problem[] {
    return problemsOf(this.#options.journal);
  }

  samples(): readonly TimedSample[] {
    return this.#options.sampler.after(0);
  }

  codes(): typeof PROBLEM_CODES {
    return PROBLEM_CODES;
  }

  /** The body of a message. @throws AdminError `not_found` */
  body({ seq }: AdminParameters): { readonly body: string } {
    const body = this.#options.journal.get(readNumber("seq", seq, 0))?.event.body;
    if (body === undefined) throw new AdminError(404, "not_found", "the journal does not have this body");
    return { body };
  }

  /** Asks a server. @throws AdminError `not_found`; as the read */
  async read(source: string, name: string, parameters: AdminParameters): Promise<unknown> {
    const found = this.#options.sources.get(source);
    const read = found !== undefined && Object.hasOwn(found.reads, name) ? found.reads[name] : undefined;
    if (read === undefined) throw new AdminError(404, "not_found", "no such read");
    return read(parameters);
  }

  /**
   * Changes something. Every attempt at a known action is recorded and logged.
   *
   * @param by the client's address and program.
   * @throws AdminError `actions_off`, `not_found`; as the action
   */
  async act(source: string, name: string, parameters: AdminParameters, by: string): Promise<unknown> {
    const { actions, sources } = this.#options;
    if (!actions) throw new AdminError(403, "actions_off", "this console only reads: start the server with --admin-actions");
    const found = sources.get(source);
    const action = found !== undefined && Object.hasOwn(found.actions, name) ? found.actions[name] : undefined;
    if (action === undefined) throw new AdminError(404, "not_found", "no such action");
    try {
      const result = await action(parameters);
      this.#acted(source, name, parameters, by);
      return result;
    } catch (error) {
      const reason = error instanceof Error ? error.message : "failed";
      this.#acted(source, name, parameters, by, reason);
      if (error instanceof AdminError) throw error;
      throw new AdminError(409, "action_failed", reason);
    }
  }

  #acted(source: string, action: string, parameters: AdminParameters, by: string, error?: string): void {
    const { journal, onAction } = this.#options;
    const about = Object.fromEntries(
      LOGGED.flatMap((name) => {
        const value = parameters[name];
        return value === undefined ? [] : [[name, value.slice(0, MAX_LOGGED)]];
      }),
    );
    const { id, did, from, to, channel, account, key } = about;
    const failure = error === undefined ? {} : { code: "failed", reason: error };
    journal.record(source, {
      kind: "acted",
      id,
      did,
      from,
      to: to === undefined ? undefined : [to],
      channel,
      account,
      key,
      by,
      outcome: action,
      ...failure,
    });
    onAction?.({ source, action, by, about, error });
  }

  /** Sends events to a page until it goes away. @throws AdminError `too_many_pages`, `malformed_request` */
  stream(response: ServerResponse, { filter = "", after }: AdminParameters): void {
    if (this.#streams.size >= MAX_STREAMS) throw new AdminError(429, "too_many_pages", "too many pages are open");
    const { journal, sampler } = this.#options;
    const stream = new EventStream(response, {
      journal,
      sampler,
      filter: filterOf(filter),
      after: readNumber("after", after, journal.last),
    });
    response.writeHead(200, { "content-type": "text/event-stream", "x-accel-buffering": "no" });
    response.flushHeaders();
    this.#streams.add(stream);
    this.#timer ??= setInterval(() => this.#turn(), TURN_MS).unref();
    response.on("error", () => undefined);
    response.on("close", () => {
      this.#streams.delete(stream);
      if (this.#streams.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
  }

  close(): void {
    clearInterval(this.#timer);
    for (const stream of this.#streams) stream.end();
  }

  #turn(): void {
    for (const stream of this.#streams) stream.turn();
  }
}

function filterOf(text: string): EventFilter {
  try {
    return readFilter(text);
  } catch (error) {
    throw new AdminError(400, "malformed_request", error instanceof Error ? error.message : "the filter is malformed");
  }
}

function readNumber(name: string, text: string | undefined, standard: number): number {
  if (text === undefined || text === "") return standard;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new AdminError(400, "malformed_request", `${name} must be a whole number`);
  return number;
}
