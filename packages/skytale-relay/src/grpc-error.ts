import { status } from "@grpc/grpc-js";
import { codeOf } from "./grpc-status.ts";
import { type RelayErrorCode, RelayError } from "./relay-error.ts";

/** What a call's error is to say, and what it must not. */
interface CallContext {
  /** Host and port. */
  readonly target: string;
  readonly token: string;
}

/** Characters of the reason in a message; it may be a stranger's. */
const MAX_REASON = 300;

const WHAT: Partial<Record<RelayErrorCode, string>> = {
  unauthenticated: "refuses the token",
  permission_denied: "refuses this",
  invalid_argument: "refuses this",
  resource_exhausted: "refuses this for now",
  unavailable: "is not available",
  timeout: "did not answer in time",
};

/** Reasons that say little to those who don't know TLS and HTTP/2 from within. */
const PLAINER: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/wrong version number|packet length too long/, "what answers speaks no TLS; the address of a relay without TLS begins with http://"],
  [/^Protocol error/, "what answers is no relay: is it the API's port, or does it want TLS and an address with https://?"],
  [/^Name resolution failed/, "the name of the host can't be resolved"],
];

const START_ONE = "Is a relay running? To start one: npx -p @parley/skytale-server skytale-server";

/** The error that the end of a call stands for: with the address of the relay and the reason, and without the token. */
export function grpcError(
  { code, details }: { readonly code: status; readonly details: string },
  { target, token }: CallContext,
  cause?: unknown,
): RelayError {
  const own = codeOf(code);
  const isEcho = details.includes(token);
  const reason = reasonOf(isEcho ? details.replaceAll(token, "…") : details);
  const what = isUnreachable(code, details) ? "can't be reached" : (WHAT[own] ?? "failed");
  const message = `The relay at ${target} ${what}${reason === "" || own === "timeout" ? "" : `: ${reason}`}`;
  // The cause has the details to the letter.
  return new RelayError(own, message, isEcho ? {} : { cause });
}

function isUnreachable(code: status, details: string): boolean {
  return code === status.UNAVAILABLE && /^(?:No connection established|Name resolution failed)/.test(details);
}

function reasonOf(details: string): string {
  const reason = details
    .slice(0, 4 * MAX_REASON)
    .replace(/\p{Cc}+/gu, " ")
    .replace(/^No connection established\. Last error: (?:Error: )?/, "")
    .replace(/\.? ?Resolution note:[^:]*$/, "")
    .trim();
  if (/^connect ECONNREFUSED [\w.:[\]]+$/.test(reason)) return `${reason}. ${START_ONE}`;
  const plainer = PLAINER.find(([pattern]) => pattern.test(reason))?.[1] ?? reason;
  return plainer.length <= MAX_REASON ? plainer : `${plainer.slice(0, MAX_REASON - 1)}…`;
}
