/** Why a server can't be reached, and whether another try may succeed. */
export interface ConnectFailure {
  readonly why: string;
  readonly retryable: boolean;
}

/** The message of the WebSocket library. */
const HANDSHAKE_TIMEOUT = "Opening handshake has timed out";
const START_ONE = "Is a node running? To start one: npx -p @parley/layr8-node layr8-node";

/** Explains a failed connection to the node at `nodeUrl`, with the remedy where there is a likely one. */
export function explainNodeFailure(failure: unknown): ConnectFailure {
  const why = reasonOf(failure);
  const code = codeOf(failure);
  // Errors of Node's HTTP parser.
  if (code?.startsWith("HPE_") === true) {
    return { why: "the response is not HTTP/1.1: is it the port of a relay? Check the port of nodeUrl", retryable: false };
  }
  switch (code) {
    case "ECONNREFUSED":
      return { why: `${why}. ${START_ONE}`, retryable: true };
    case "ENOTFOUND":
      return { why: `${why}. Check the host of nodeUrl`, retryable: true };
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return { why: "the server does not use TLS. For a node without TLS, nodeUrl begins with ws:// or http://", retryable: false };
    default:
      if (why === HANDSHAKE_TIMEOUT)
        return { why: "it did not answer in time. Is it a node? Check host and port of nodeUrl", retryable: true };
      return { why, retryable: true };
  }
}

/** The error of a failed dual-stack attempt has an empty message. The reason is in its code. */
function reasonOf(failure: unknown): string {
  if (!(failure instanceof Error)) return failure === undefined ? "the connection was closed" : "the connection failed";
  return (failure.message === "" ? (codeOf(failure) ?? failure.name) : failure.message).split("\n", 1)[0] ?? "";
}

function codeOf(failure: unknown): string | undefined {
  return failure instanceof Error && "code" in failure && typeof failure.code === "string" ? failure.code : undefined;
}
