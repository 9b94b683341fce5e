/**
 * Problem codes of nodes for what may succeed later without a change of the message: a network, a rate or room lacks.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#descriptors | DIDComm v2.1, Descriptors}
 */
const TEMPORARY: ReadonlySet<string> = new Set(["e.p.me.res.inbox", "e.p.me.res.net", "e.p.me.res.rate", "e.p.me.res.storage"]);

/** Whether the same message may be accepted later, by the problem code with which it was refused or reported. */
export function isTemporaryProblem(code: string | undefined): boolean {
  return code !== undefined && TEMPORARY.has(code);
}
