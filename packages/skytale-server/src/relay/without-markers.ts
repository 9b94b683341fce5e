import type { LogPage } from "../log/channel-log.ts";

/**
 * A page for a client without support for evicted entries. It ends before the first of them. If it would begin with them, the log is
 * reported to begin after them, and the client continues there, as it does after removed entries.
 */
export function withoutMarkers(page: LogPage): LogPage {
  const { first, entries, head } = page;
  const at = entries.findIndex((entry) => !(entry instanceof Uint8Array));
  const marker = entries[at];
  if (marker === undefined || marker instanceof Uint8Array) return page;
  return { first, entries: entries.slice(0, at), head: at > 0 ? head : { ...head, first: first + marker.evicted } };
}
