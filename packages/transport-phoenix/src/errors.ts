import { NodeTransportError } from "@parley/core";
import { explainNodeFailure, type ConnectFailure } from "@parley/core/eager";

/** The WebSocket path of Layr8 nodes. */
export const DEFAULT_PATH = "/plugin_socket/websocket";

/** The cause of a WebSocket's end, where known. */
export interface SocketEnd {
  /** HTTP status of a rejected upgrade. */
  readonly refusal: number | undefined;
  readonly failure: Error | undefined;
}

/** Whether the node rejected the API key. */
export function isUnauthorized({ refusal }: SocketEnd): boolean {
  return refusal === 401 || refusal === 403;
}

/** Whether the node violated the WebSocket protocol, such as by a frame that is too long or invalid UTF-8. */
export function isProtocolError(failure: Error | undefined): failure is Error {
  return codeOf(failure)?.startsWith("WS_ERR_") ?? false;
}

/** The first attempt to reach a node failed. `label` is its address without secrets. */
export function unreachable(label: string, { refusal, failure }: SocketEnd): NodeTransportError {
  const { why, retryable } = refusal === undefined ? explainFailure(label, failure) : explainStatus(refusal);
  const cause = refusal === undefined && failure !== undefined ? { cause: failure } : {};
  return new NodeTransportError("connect_failed", `The node at ${label} can't be reached: ${why}`, { ...cause, retryable });
}

export function unauthorized(label: string, { refusal }: SocketEnd): NodeTransportError {
  return new NodeTransportError(
    "unauthorized",
    `The node at ${label} refused the API key (HTTP ${refusal}): use a key that this node gave out`,
  );
}

export function linkBroke(label: string, closeCode: number): NodeTransportError {
  return new NodeTransportError("disconnected", `The link to the node at ${label} broke (close code ${closeCode})`);
}

export function protocolBroken(failure: Error, maxFrameLength: number): NodeTransportError {
  if (codeOf(failure) === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") {
    const text = `The node sent a frame of more than ${maxFrameLength} bytes (limits.maxFrameLength), which ended the link`;
    return invalidFrame(`${text}; the node delivers its message again, up to its limit`, failure);
  }
  return invalidFrame(`The node broke the WebSocket protocol: ${failure.message}`, failure);
}

export function invalidFrame(message: string, cause?: Error): NodeTransportError {
  return new NodeTransportError("frame_invalid", message, cause === undefined ? {} : { cause });
}

/** HTTP statuses after which a later attempt may succeed. */
const TEMPORARY: ReadonlySet<number> = new Set([408, 425, 429]);

function explainStatus(status: number): ConnectFailure {
  const why = `it answered HTTP ${status}`;
  if (status === 404) return { why: `${why}. Check the path of nodeUrl: a Layr8 node has ${DEFAULT_PATH}`, retryable: false };
  if (status === 429) return { why: `${why}: the API key has as many connections as it may`, retryable: true };
  if (status >= 300 && status < 400) return { why: `${why}, which redirects: give nodeUrl the address that it leads to`, retryable: false };
  if (status < 300) return { why: `${why}, so it is not a node: check host and port of nodeUrl`, retryable: false };
  return { why, retryable: status >= 500 || TEMPORARY.has(status) };
}

function explainFailure(label: string, failure: Error | undefined): ConnectFailure {
  const explained = explainNodeFailure(failure);
  if (codeOf(failure) !== "ECONNRESET" || !label.startsWith("ws:")) return explained;
  return { ...explained, why: `${explained.why}. If the node expects TLS, nodeUrl begins with wss:// or https://` };
}

function codeOf(failure: Error | undefined): string | undefined {
  return failure !== undefined && "code" in failure && typeof failure.code === "string" ? failure.code : undefined;
}
