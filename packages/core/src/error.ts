import { describeThrown } from "./internal/describe-thrown.ts";

/** Details of an error beside its message. */
export interface ParleyErrorOptions {
  /** Whether the same call may succeed later without a change by the caller. Default `false`. */
  readonly retryable?: boolean;
  /** What led to this error. */
  readonly cause?: unknown;
}

/**
 * The base of all errors that Parley throws.
 *
 * `code` is the contract: a stable string that programs may compare; `message` is for people and may change.
 * A caller's own bug (an argument of the wrong kind) is a `TypeError` instead.
 *
 * @example
 * ```ts
 * import { ParleyError } from "@parley/core";
 *
 * function report(error: unknown): string {
 *   const { code, retryable } = ParleyError.from(error);
 *   return retryable ? `${code}, will try again` : code;
 * }
 * ```
 */
export class ParleyError<Code extends string = string> extends Error {
  override readonly name: string = "ParleyError";
  /** Stable identifier of the kind of failure. */
  readonly code: Code;
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;

  constructor(code: Code, message: string, options: ParleyErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }

  /**
   * Turns whatever was thrown into a ParleyError; one that already is comes back as it is.
   * Anything else gets the code `unknown` (or the given one), with the original as `cause`.
   */
  static from(thrown: unknown, code = "unknown"): ParleyError {
    if (thrown instanceof ParleyError) return thrown as ParleyError;
    return new ParleyError(code, describeThrown(thrown), { cause: thrown });
  }
}
