import type { Problem } from "../routing/failure-reporter.ts";
import type { DeliveryFailure, DeliveryFailureCode } from "./outbound/outbound.ts";

/** Problem codes of messages that never reached another node. */
const CODES: Readonly<Record<DeliveryFailureCode, string>> = {
  expired: "e.p.msg.expired",
  unresolved: "e.p.did.unresolved",
  unreachable: "e.p.xfer.unreachable",
  no_key: "e.p.did.no-key",
  refused: "e.p.xfer.refused",
  damaged: "e.p.me.res.storage",
  failed: "e.p.xfer.failed",
};

/** DIDComm problem codes: a sorter, a scope, and a few descriptors. */
const PROBLEM_CODE = /^[ew]\.[a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*){1,6}$/;

/**
 * The problem that is reported to the sender of an undeliverable message. A valid problem code of the remote node is passed on.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#problem-codes | DIDComm v2.1, Problem Codes}
 */
export function problemOf({ code, comment, remoteCode }: DeliveryFailure): Problem {
  const theirs = code === "refused" && remoteCode !== undefined && PROBLEM_CODE.test(remoteCode) ? remoteCode : undefined;
  return { code: theirs ?? CODES[code], comment };
}
