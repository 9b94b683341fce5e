import type { AdminEvent } from "@parley/server-kit";
import type { JournalEntry } from "./journal.ts";

/** Decides whether an event is shown. */
export type EventFilter = (entry: JournalEntry) => boolean;

/** Text members that a term can name. */
const FIELDS: Readonly<Record<string, (entry: JournalEntry) => readonly (string | undefined)[]>> = {
  state: ({ event }) => [event.kind],
  kind: ({ event }) => [event.kind],
  type: ({ event }) => [event.type],
  from: ({ event }) => [event.from],
  to: ({ event }) => event.to ?? [],
  did: ({ event }) => [event.did, event.from, ...(event.to ?? [])],
  id: ({ event }) => [event.id],
  thread: ({ event }) => [event.thread ?? event.id, event.parentThread],
  channel: ({ event }) => [event.channel],
  account: ({ event }) => [event.account],
  key: ({ event }) => [event.key],
  code: ({ event }) => [event.code],
  reason: ({ event }) => [event.reason],
  outcome: ({ event }) => [event.outcome],
  source: ({ source }) => [source],
};
/** Terms of one filter. */
const MAX_TERMS = 20;

/**
 * Reads a filter: terms separated by spaces, all of which must hold. `field:pattern` compares a member (`*` stands for any text, a leading `-`
 * negates the term), `>500ms` and `<20ms` compare the duration, and any other word is searched for in all members.
 *
 * @throws TypeError naming an unknown field.
 */
export function readFilter(text: string): EventFilter {
  const terms = text.trim().split(/\s+/).filter(Boolean);
  if (terms.length > MAX_TERMS) throw new TypeError(`A filter may have ${MAX_TERMS} terms`);
  const filters = terms.map(readTerm);
  return (entry) => filters.every((filter) => filter(entry));
}

function readTerm(term: string): EventFilter {
  if (term.startsWith("-") && term.length > 1) {
    const holds = readTerm(term.slice(1));
    return (entry) => !holds(entry);
  }
  const [, comparison, number] = /^([<>])(\d+)(?:ms)?$/.exec(term) ?? [];
  if (comparison !== undefined) return durationFilter(comparison, Number(number));
  const [, name, pattern = ""] = /^([a-z]+):(.+)$/i.exec(term) ?? [];
  // A DID and a URL begin like a field.
  if (name === undefined || /^(?:did|https?):(?:\/\/|web:|key:|peer:)/.test(term)) return wordFilter(term);
  const field = FIELDS[name];
  if (field === undefined) throw new TypeError(`Unknown field "${name}". Valid fields: ${Object.keys(FIELDS).join(", ")}`);
  const matches = patternOf(pattern);
  return (entry) => field(entry).some((value) => value !== undefined && matches(value));
}

function durationFilter(comparison: string, limit: number): EventFilter {
  return ({ event: { ms } }) => ms !== undefined && (comparison === ">" ? ms > limit : ms < limit);
}

function wordFilter(word: string): EventFilter {
  const wanted = word.toLowerCase();
  return ({ event }) => textsOf(event).some((text) => text?.toLowerCase().includes(wanted) === true);
}

function textsOf({ kind, id, type, thread, from, to = [], did, channel, account, key, code, reason }: AdminEvent): (string | undefined)[] {
  return [kind, id, type, thread, from, ...to, did, channel, account, key, code, reason];
}

/** Without a star: the value begins with the text, ends with it, or is it. */
function patternOf(pattern: string): (value: string) => boolean {
  if (!pattern.includes("*")) return (value) => value === pattern || value.startsWith(pattern) || value.endsWith(pattern);
  const parts = pattern.split("*");
  return (value) => matchesParts(value, parts);
}

/** Compares without a regular expression, whose time a pattern could make exponential. */
function matchesParts(value: string, parts: readonly string[]): boolean {
  const [first = "", ...rest] = parts;
  const last = rest.pop() ?? "";
  if (!value.startsWith(first) || value.length < first.length + last.length || !value.endsWith(last)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = value.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= value.length - last.length;
}
