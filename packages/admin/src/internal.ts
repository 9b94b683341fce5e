export { type EventFilter, readFilter } from "./event-filter.ts";
export type { JournalEntry } from "./journal.ts";
