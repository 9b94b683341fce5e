import { ParleyError } from "@parley/core";

/** Maximum depth of the chain of causes. */
const MAX_DEPTH = 4;

/** The system's codes of hosts that can't be reached, in words. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens at its address",
  ECONNRESET: "it closed the connection",
  ENOTFOUND: "its name has no address",
  EAI_AGAIN: "the name server does not answer",
  EHOSTUNREACH: "no route to it",
  ENETUNREACH: "no route to it",
  ETIMEDOUT: "no answer in time",
  UND_ERR_CONNECT_TIMEOUT: "no answer in time",
  UND_ERR_SOCKET: "it closed the connection",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not from a known authority",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not from a known authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not from a known authority",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};

/** Why a host can't be reached, in words and with the system's code: messages of socket errors contain addresses. */
export function networkReason(error: unknown): string {
  const code = systemCodeOf(error);
  if (code === undefined) return error instanceof Error ? error.message : "unknown";
  return Object.hasOwn(WORDS, code) ? `${WORDS[code]} (${code})` : code;
}

/** The system or library code of a failure or of its cause, such as `ECONNREFUSED`; `undefined` without one. */
export function systemCodeOf(error: unknown): string | undefined {
  let cause = error;
  for (let depth = 0; depth < MAX_DEPTH && cause instanceof Error; depth++) {
    if (!(cause instanceof ParleyError) && "code" in cause && typeof cause.code === "string") return cause.code;
    cause = cause.cause;
  }
  return undefined;
}
