import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Why a port did not take an envelope. A channel layer may have errors of its own besides.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `closed` | the port is closed | no |
 * | `not_connected` | the link is down for now | yes |
 * | `unknown_channel` | this agent is no member of a channel of that name | no |
 */
export type PortErrorCode = "closed" | "not_connected" | "unknown_channel";

/** A port's failure; `retryable` follows from the code. */
export class PortError extends ParleyError<PortErrorCode> {
  override readonly name: string = "PortError";

  constructor(code: PortErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, `${code === "unknown_channel" ? "runtime" : "transport"} error: ${message}`, {
      ...options,
      retryable: code === "not_connected",
    });
  }
}
