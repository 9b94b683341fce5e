import { status } from "@grpc/grpc-js";
import { codeOf } from "./grpc-status.ts";
import { type RelayErrorCode, RelayError } from "./relay-error.ts";

/** The parts of a call that its error must contain (`target`) or must not contain (`token`). */
interface CallContext {
  /** Host and port. */
  readonly target: string;
  readonly token: string;
}

/** Longest reason in a message, in characters; the reason may come from an untrusted peer. */
const MAX_REASON = 300;

const WHAT: Partial<Record<RelayErrorCode, string>> = {
  unauthenticated: "rejected the token",
  permission_denied: "denied permission",
  invalid_argument: "rejected the request",
  resource_exhausted: "rejected the request temporarily",
  unavailable: "is not available",
  timeout: "did not answer in time",
};

/** Replacements for reasons that presuppose knowledge of TLS and HTTP/2 internals. */
const CLEARER: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/wrong version number|packet length too long/, "the server does not use TLS; the address of a relay without TLS begins with http://"],
  [/^Protocol error/, "the server is not a relay: check that this is not the API's port, and whether it needs TLS (https://)"],
  [/^Name resolution failed/, "the host name can't be resolved"],
];

const START_ONE = "Is a relay running? To start one: npx -p @parley/skytale-server skytale-server";

/** Creates the error for a failed call. It contains the relay's address and the reason, and never the token. */
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
  // The cause contains the details verbatim.
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
  const clearer = CLEARER.find(([pattern]) => pattern.test(reason))?.[1] ?? reason;
  return clearer.length <= MAX_REASON ? clearer : `${clearer.slice(0, MAX_REASON - 1)}…`;
}
