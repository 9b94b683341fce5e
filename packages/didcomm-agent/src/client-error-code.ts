/**
 * Codes of what a client's calls throw and its error handler gets, beside those of its transport. A `ProblemReportError` has the problem code that the other
 * side has sent.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `not_connected` | the link is down; nothing was sent | by `reason` |
 * | `disconnected` | the link broke while the call waited; the message may have arrived | by `reason` |
 * | `already_connected` | `connect` was called twice, or a handler was registered after it | no |
 * | `client_closed` | the client is closed | no |
 * | `request_timeout` | a request got no response in time; `accepted` and `away` say how far it came | yes |
 * | `receipt_failed` | a message sent with `until` will not be handled | by `problemCode` |
 * | `receipt_mismatch` | a recipient of a message sent with `until` has received other content under its id | no |
 * | `receipt_timeout` | the receipts that `until` names did not come in time | yes |
 * | `too_many_receipts` | too many calls wait for receipts; nothing was sent | yes |
 * | `server_reject` | the node refused the message | by `problemCode` |
 * | `body_invalid` | the body does not match the schema of a handler or request | no |
 * | `late_response` | to the error handler: a response came after its request had ended | no |
 * | `no_handler` | to the error handler: a message came that no handler takes | no |
 * | `overloaded` | to the error handler: too many messages wait for a handler | yes |
 * | `mcp_error` | the other side has answered an MCP call with an error | no |
 * | `no_request` | to the error handler of an MCP session: a response came to a request that does not wait | no |
 */
export type ClientErrorCode =
  | "not_connected"
  | "disconnected"
  | "already_connected"
  | "client_closed"
  | "request_timeout"
  | "receipt_failed"
  | "receipt_mismatch"
  | "receipt_timeout"
  | "too_many_receipts"
  | "server_reject"
  | "body_invalid"
  | "late_response"
  | "no_handler"
  | "overloaded"
  | "mcp_error"
  | "no_request";
