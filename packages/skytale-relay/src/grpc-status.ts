import { status } from "@grpc/grpc-js";
import type { RelayErrorCode } from "./relay-error.ts";

/** gRPC statuses of error codes. Codes that never end a call have no status. */
const STATUS_OF: Partial<Record<RelayErrorCode, status>> = {
  unauthenticated: status.UNAUTHENTICATED,
  permission_denied: status.PERMISSION_DENIED,
  invalid_argument: status.INVALID_ARGUMENT,
  resource_exhausted: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  timeout: status.DEADLINE_EXCEEDED,
  internal: status.INTERNAL,
};

/** Error codes of gRPC statuses that are not in the table above. */
const CODE_OF: Partial<Record<status, RelayErrorCode>> = {
  [status.CANCELLED]: "unavailable",
  [status.ABORTED]: "unavailable",
  [status.UNKNOWN]: "internal",
  [status.DATA_LOSS]: "internal",
  [status.NOT_FOUND]: "invalid_argument",
  [status.OUT_OF_RANGE]: "invalid_argument",
  [status.FAILED_PRECONDITION]: "invalid_argument",
  // The server does not implement this protocol.
  [status.UNIMPLEMENTED]: "invalid_argument",
};

/** The gRPC status of an error code; INTERNAL for codes without one. */
export function statusOf(code: RelayErrorCode): status {
  return STATUS_OF[code] ?? status.INTERNAL;
}

/** The error code of a gRPC status. */
export function codeOf(code: status): RelayErrorCode {
  const own = (Object.keys(STATUS_OF) as RelayErrorCode[]).find((name) => STATUS_OF[name] === code);
  return own ?? CODE_OF[code] ?? "internal";
}
