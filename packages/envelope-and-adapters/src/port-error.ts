import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Codes of a {@link PortError}. Channel layers can have additional errors.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `closed` | the port is closed | no |
 * | `not_connected` | the connection is down temporarily | yes |
 * | `unknown_channel` | this agent is not a member of a channel with this name | no |
 */
export type PortErrorCode = "closed" | "not_connected" | "unknown_channel";

/** A failure of a port. Its message begins with `transport error:` or `runtime error:`. */
export class PortError extends ParleyError<PortErrorCode> {
  override readonly name: string = "PortError";

  constructor(code: PortErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, `${code === "unknown_channel" ? "runtime" : "transport"} error: ${message}`, {
      ...options,
      retryable: code === "not_connected",
    });
  }
}
