import { checkValues, IS_BOOLEAN, readDurationMs, rejectUnknownOptions } from "@parley/core/internal";

/** Options of calls that wait for the relay. */
export interface WaitOptions {
  /**
   * Longest wait, in milliseconds; then the call fails with TransportError `connection_error` (the relay can't be reached) or
   * `timeout`. The request may still take effect. Default: the `timeoutMs` of the client, 20,000.
   */
  readonly timeoutMs?: number;
  /** Stops waiting. The request may still take effect. */
  readonly signal?: AbortSignal;
}

/** Names in {@link WaitOptions}. */
const WAIT_OPTIONS: readonly string[] = ["timeoutMs", "signal"];

/** Longest wait of a call where the client's options name none, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 20_000;

/** Options of `Channel.addMember`. */
export interface AddMemberOptions extends WaitOptions {
  /** Whether an agent is added though another member has its identity: if that of the client is `true`, and `false` is not given here. */
  readonly allowSameIdentity?: boolean;
}

/**
 * @param more names of options beside those of {@link WaitOptions}.
 * @throws TypeError for unknown options, or a timeout that isn't a duration
 */
export function readWait(
  options: AddMemberOptions | undefined,
  defaultMs: number,
  more: readonly (keyof AddMemberOptions)[] = [],
): { readonly timeoutMs: number; readonly signal: AbortSignal | undefined } {
  rejectUnknownOptions(options, [...WAIT_OPTIONS, ...more]);
  checkValues(options, IS_BOOLEAN, ["allowSameIdentity"]);
  return { timeoutMs: readDurationMs(options, { ms: "timeoutMs" }, defaultMs), signal: options?.signal };
}
