import { checkValues, IS_BOOLEAN, readDurationMs, rejectUnknownOptions } from "@parley/core/internal";
import { identityBytes } from "../channel/channel-member.ts";

/** Options of `SkytaleChannelManager.invite`. */
export interface InviteOptions {
  /** Number of agents that can join with the invite. Default 1. */
  readonly maxUses?: number;
  /** Validity in milliseconds, rounded up to seconds. Default 3,600,000 (one hour). */
  readonly ttlMs?: number;
  /** The same in seconds, as in the Python SDK. */
  readonly ttl?: number;
  /**
   * The only identity that can join; text is encoded as UTF-8. Members reject others with `identity_mismatch`. Members with a version that does
   * not support this option reject all joiners. Without it, every identity that no member has can join.
   */
  readonly identity?: string | Uint8Array;
}

/** Options of `SkytaleChannelManager.joinWithToken`. */
export interface JoinWithTokenOptions {
  /**
   * Longest wait for a member's answer, in milliseconds, including the wait for a relay connection, which is also limited by the client's
   * `timeoutMs`. Default 60,000.
   */
  readonly timeoutMs?: number;
  /** The same in seconds, as in the Python SDK. */
  readonly timeout?: number;
  /** Whether received messages are stored until they are received by the program. `false` for agents that only send. Default `true`. */
  readonly receive?: boolean;
  /** Aborts the wait. The join request stays pending. */
  readonly signal?: AbortSignal;
}

/** Validated {@link JoinWithTokenOptions}. */
export interface CheckedJoin {
  readonly timeoutMs: number;
  readonly receive: boolean;
  readonly signal: AbortSignal | undefined;
}

const SECOND = 1000;
const DEFAULT_TTL_SECONDS = 3600;
const DEFAULT_JOIN_MS = 60_000;
const MAX_UINT32 = 0xffff_ffff;
/** Servers reject longer invites by default. A larger value is probably in milliseconds, and raises a warning. */
const MONTH_SECONDS = 31 * 24 * 3600;

/** @throws TypeError */
export function readInvite(options: InviteOptions | undefined): {
  readonly maxUses: number;
  readonly ttlSeconds: number;
  readonly identity: Uint8Array | undefined;
} {
  rejectUnknownOptions(options, ["maxUses", "ttlMs", "ttl", "identity"]);
  readDurationMs(options, { ms: "ttlMs", seconds: "ttl", maxPlausibleSeconds: MONTH_SECONDS }, 0);
  const { maxUses = 1, ttlMs, ttl = DEFAULT_TTL_SECONDS } = options ?? {};
  const ttlSeconds = ttlMs === undefined ? ttl : Math.ceil(ttlMs / SECOND);
  checkCount("maxUses", maxUses);
  checkCount(ttlMs === undefined ? "ttl" : "ttlMs", ttlSeconds);
  return { maxUses, ttlSeconds, identity: readIdentity(options?.identity) };
}

/** @throws TypeError */
export function readJoin(options: JoinWithTokenOptions | undefined): CheckedJoin {
  rejectUnknownOptions(options, ["timeoutMs", "timeout", "receive", "signal"]);
  checkValues(options, IS_BOOLEAN, ["receive"]);
  const timeoutMs = readDurationMs(options, { ms: "timeoutMs", seconds: "timeout" }, DEFAULT_JOIN_MS);
  return { timeoutMs, receive: options?.receive ?? true, signal: options?.signal };
}

function readIdentity(identity: unknown): Uint8Array | undefined {
  if (identity === undefined) return undefined;
  if ((typeof identity !== "string" && !(identity instanceof Uint8Array)) || identity.length === 0) {
    throw new TypeError("identity must be a string or a Uint8Array that is not empty: the identity of the invited agent");
  }
  return identityBytes(identity);
}

function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1 || value > MAX_UINT32) throw new TypeError(`${name} must be a whole number from 1 on`);
}
