import type { Rejection } from "./rejection.ts";

/** Mailboxes that have no connection to this node: the message waits in their inboxes. */
export interface Away {
  readonly away: readonly string[];
}

/** What became of a message: refused, stored for recipients of whom some are away, or `undefined`: stored, and nobody is known to be away. */
export type AcceptResult = Rejection | Away | undefined;

export function isRefused(admitted: AcceptResult): admitted is Rejection {
  return admitted !== undefined && "reason" in admitted;
}

/** What became of a message to several recipients: the first refusal, else all that are away. */
export function admittedOf(verdicts: readonly AcceptResult[]): AcceptResult {
  const refused = verdicts.find(isRefused);
  if (refused !== undefined) return refused;
  const away = verdicts.flatMap((verdict) => (verdict === undefined || isRefused(verdict) ? [] : verdict.away));
  return away.length === 0 ? undefined : { away };
}
