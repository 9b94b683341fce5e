import type { Rejection } from "./rejection.ts";

/** Recipients without a connection to this node. The message waits in their inboxes. */
export interface Away {
  readonly away: readonly string[];
}

/** Result of accepting a message: rejected, stored with some recipients away, or `undefined`: stored, no recipient known to be away. */
export type AcceptResult = Rejection | Away | undefined;

export function isRefused(admitted: AcceptResult): admitted is Rejection {
  return admitted !== undefined && "reason" in admitted;
}

/** Combines the results for several recipients: the first rejection, otherwise all recipients that are away. */
export function admittedOf(verdicts: readonly AcceptResult[]): AcceptResult {
  const refused = verdicts.find(isRefused);
  if (refused !== undefined) return refused;
  const away = verdicts.flatMap((verdict) => (verdict === undefined || isRefused(verdict) ? [] : verdict.away));
  return away.length === 0 ? undefined : { away };
}
