import { checkValues, IS_BOOLEAN, readDurationMs, rejectUnknownOptions } from "@parley/core/internal";

/** Options of calls that wait for the relay. */
export interface WaitOptions {
  /**
   * Longest wait in milliseconds. Then the call fails with TransportError `connection_error` (the relay is unreachable) or `timeout`. The
   * request may still take effect. Default: the `timeoutMs` of the client, 20,000.
   */
  readonly timeoutMs?: number;
  /** Aborts the wait. The request may still take effect. */
  readonly signal?: AbortSignal;
}

/** Names in {@link WaitOptions}. */
const WAIT_OPTIONS: readonly string[] = ["timeoutMs", "signal"];

/** Default of `timeoutMs` of the client, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 20_000;

/** Options of `Channel.addMember`. */
export interface AddMemberOptions extends WaitOptions {
  /** `false` rejects an agent whose identity another member has, even if the `allowSameIdentity` of the client is `true`. */
  readonly allowSameIdentity?: boolean;
}

/** Options of `Channel.removeMember` and of a manager's `removeMember`. */
export interface RemoveMemberOptions extends WaitOptions {
  /**
   * Whether to also revoke the grant of the member's account, with the invites and grants made under it: all agents of that account lose
   * access to the channel. Requires the account that owns the channel. Default `false`.
   */
  readonly withdraw?: boolean;
}

/**
 * @param more names of options in addition to those of {@link WaitOptions}.
 * @throws TypeError for unknown options, or an invalid timeout
 */
export function readWait(
  options: (AddMemberOptions & RemoveMemberOptions) | undefined,
  defaultMs: number,
  more: readonly (keyof AddMemberOptions | keyof RemoveMemberOptions)[] = [],
): { readonly timeoutMs: number; readonly signal: AbortSignal | undefined } {
  rejectUnknownOptions(options, [...WAIT_OPTIONS, ...more]);
  checkValues(options, IS_BOOLEAN, ["allowSameIdentity", "withdraw"]);
  return { timeoutMs: readDurationMs(options, { ms: "timeoutMs" }, defaultMs), signal: options?.signal };
}
