import { TransportError } from "@parley/core";

/** Why a WebSocket ended, as far as it knows. */
export interface SocketEnd {
  /** HTTP status of a refused upgrade. */
  readonly refusal: number | undefined;
  readonly failure: Error | undefined;
}

/** Whether the node refused the key, rather than anything else. */
export function isUnauthorized({ refusal }: SocketEnd): boolean {
  return refusal === 401 || refusal === 403;
}

/** Whether the node broke the WebSocket protocol: too long a frame, text that is not UTF-8, and the like. */
export function isProtocolError(failure: Error | undefined): failure is Error {
  return codeOf(failure)?.startsWith("WS_ERR_") ?? false;
}

/** The first attempt to reach a node failed. `label` is its address without secrets. */
export function unreachable(label: string, { refusal, failure }: SocketEnd): TransportError {
  const why = refusal === undefined ? describe(failure) : `it answered HTTP ${refusal}`;
  const cause = refusal === undefined && failure !== undefined ? { cause: failure } : {};
  return new TransportError("connect_failed", `The node at ${label} can't be reached: ${why}`, cause);
}

export function unauthorized(label: string, { refusal }: SocketEnd): TransportError {
  return new TransportError("unauthorized", `The node at ${label} refused the API key (HTTP ${refusal})`);
}

export function linkBroke(closeCode: number): TransportError {
  return new TransportError("disconnected", `The link to the node broke (close code ${closeCode})`);
}

export function protocolBroken(failure: Error): TransportError {
  return invalidFrame(`The node broke the WebSocket protocol: ${failure.message}`, failure);
}

export function invalidFrame(message: string, cause?: Error): TransportError {
  return new TransportError("frame_invalid", message, cause === undefined ? {} : { cause });
}

/** A failed dual-stack attempt has an empty message and says it all in its code. */
function describe(failure: Error | undefined): string {
  if (failure === undefined) return "the connection was closed";
  return failure.message === "" ? (codeOf(failure) ?? failure.name) : failure.message;
}

function codeOf(failure: Error | undefined): string | undefined {
  return failure !== undefined && "code" in failure && typeof failure.code === "string" ? failure.code : undefined;
}
