import type { Rejection } from "./rejection.ts";

/** Result of accepting a message: stored durably, or rejected. `away`: recipients known to have no connection; the message waits in their inboxes. */
export type AcceptResult = { readonly ok: true; readonly away: readonly string[] } | { readonly ok: false; readonly rejection: Rejection };

/** Stored, and no recipient is known to be away. */
export const ACCEPTED: AcceptResult = { ok: true, away: [] };

/** Combines the results for several recipients: the first rejection, otherwise all recipients that are away. */
export function combineResults(results: readonly AcceptResult[]): AcceptResult {
  const away: string[] = [];
  for (const result of results) {
    if (!result.ok) return result;
    away.push(...result.away);
  }
  return away.length === 0 ? ACCEPTED : { ok: true, away };
}
