import type { LogPage } from "../log/channel-log.ts";

/**
 * A page as a client sees it that doesn't know evicted entries: it ends before the first of them, and where it would begin with them, the log
 * begins after them. Such a client goes on there, as after entries that were removed.
 */
export function withoutMarkers(page: LogPage): LogPage {
  const { first, entries, head } = page;
  const at = entries.findIndex((entry) => !(entry instanceof Uint8Array));
  const marker = entries[at];
  if (marker === undefined || marker instanceof Uint8Array) return page;
  return { first, entries: entries.slice(0, at), head: at > 0 ? head : { ...head, first: first + marker.evicted } };
}
