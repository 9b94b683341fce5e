import { ParleyError } from "@parley/core";
import { describeThrown, systemCode } from "@parley/core/internal";
import { CliError, EXIT, type ExitCode } from "../cli-error.ts";

const UNREACHABLE: ReadonlySet<string> = new Set([
  "connect_failed",
  "network",
  "fetch_failed",
  "not_connected",
  "disconnected",
  "unavailable",
  "server_error",
  "connection_lost",
  "connection_error",
]);
const TIMED_OUT: ReadonlySet<string> = new Set([
  "request_timeout",
  "receipt_timeout",
  "push_timeout",
  "timeout",
  "deadline_exceeded",
  "timed_out",
  "join_timeout",
]);
const REFUSED: ReadonlySet<string> = new Set([
  "unauthorized",
  "forbidden",
  "join_refused",
  "server_reject",
  "receipt_failed",
  "receipt_mismatch",
  "rejected",
  "permission_denied",
  "unauthenticated",
  "rate_limited",
  "key_invalid",
  "taken_over",
  "not_found",
  "conflict",
  "unprocessable",
  "credential_unknown",
  "did_not_allowed",
  "auth_failed",
  "auth_key_invalid",
  "channel_exists",
  "org_taken",
  "already_member",
  "identity_taken",
  "limit_reached",
  "removed",
  "audit_off",
  "invite_unknown",
  "invite_expired",
  "invite_exhausted",
  "invite_revoked",
  "identity_mismatch",
  "invite_unattested",
]);
const USAGE: ReadonlySet<string> = new Set(["did_invalid", "method_not_supported", "bad_request", "wrong_identity", "invite_malformed"]);
/** A DIDComm problem code: the other agent, or a node in its name, has reported a problem. */
const PROBLEM = /^[ew]\./;

/** How the errors of channels begin in programs. */
const PREFIX = /^(?:runtime|transport) error: /;

/** What helps, by code. */
const REMEDIES: Readonly<Record<string, string>> = {
  unauthorized: "check the API key: `parley doctor` shows which one is used and whether the node accepts it",
  unauthenticated: "check the API key: `parley doctor` shows which one is used and whether the server accepts it",
  connect_failed: "check that the node runs and that its URL is right: `parley doctor`",
  network: "check that the server runs and that its URL is right: `parley doctor`",
  fetch_failed: "check the host in the DID, and that it can be reached from here",
  unavailable: "check that the relay runs and that its URL is right: `parley doctor`",
  connection_error: "check that the relay and the API server run and that their URLs are right: `parley doctor`",
  auth_key_invalid: "check the API key: `parley doctor` shows which one is used and whether the server accepts it",
  join_timeout: "a member must be connected to approve: `parley channels listen <channel>` of the one who has made the invite",
  data_dir_locked: "stop the program that uses the directory, or name another one with --identity or --data-dir",
  channel_exists:
    "if this agent is a member, `parley channels send` and `listen` use it as it is; others join with an invite: `parley channels join <channel>`",
  permission_denied:
    "`parley channels list` shows the channels of the account; another one needs an invite: `parley channels join <channel>`",
  receipt_timeout: "the message waits for the recipient: `parley inspect <did>` shows whether an agent runs and handles this type",
  request_timeout: "check that an agent of the recipient runs and handles this type: `parley inspect <did>`",
};

/** Turns anything that a command threw into an error with an exit code: kinds follow from the stable codes of Parley's errors. */
export function toCliError(thrown: unknown): CliError {
  if (thrown instanceof CliError) return thrown;
  if (thrown instanceof ParleyError) {
    const { code, message } = thrown as ParleyError;
    return new CliError(code, message.replace(PREFIX, ""), { exit: exitOf(code), remedy: REMEDIES[code], cause: thrown });
  }
  // Of `AbortSignal.timeout`.
  if (thrown instanceof DOMException && thrown.name === "TimeoutError") {
    const remedy = "give more time with --timeout; `parley doctor` checks the servers";
    return new CliError("timeout", "no answer within the time of --timeout", { exit: EXIT.timedOut, remedy, cause: thrown });
  }
  if (thrown instanceof TypeError && systemCode(thrown) === undefined) {
    return new CliError("usage", thrown.message, { exit: EXIT.usage, cause: thrown });
  }
  const code = systemCode(thrown);
  const exit = code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "EHOSTUNREACH" ? EXIT.unreachable : EXIT.failed;
  return new CliError(code ?? "failed", describeThrown(thrown), { exit, cause: thrown });
}

function exitOf(code: string): ExitCode {
  if (UNREACHABLE.has(code)) return EXIT.unreachable;
  if (USAGE.has(code)) return EXIT.usage;
  if (TIMED_OUT.has(code)) return EXIT.timedOut;
  return REFUSED.has(code) || PROBLEM.test(code) ? EXIT.refused : EXIT.failed;
}
