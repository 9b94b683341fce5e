import { checkValues, IS_BOOLEAN, readDurationMs, rejectUnknownOptions } from "@parley/core/internal";
import { identityBytes } from "../channel/channel-member.ts";

/** Options of `SkytaleChannelManager.invite`. */
export interface InviteOptions {
  /** How many agents may join by it. Default 1. */
  readonly maxUses?: number;
  /** How long it is valid, in milliseconds, rounded up to seconds. Default 3,600,000: an hour. */
  readonly ttlMs?: number;
  /** The same in seconds, as the Python SDK has it. */
  readonly ttl?: number;
  /**
   * The only identity that may join by it; text is taken as UTF-8. Members refuse all others (`identity_mismatch`); members of versions
   * that don't know such invites refuse every joiner. Default: any identity that no member has.
   */
  readonly identity?: string | Uint8Array;
}

/** Options of `SkytaleChannelManager.joinWithToken`. */
export interface JoinWithTokenOptions {
  /**
   * Longest wait, in milliseconds: for a member to answer, and before that for a connection to the relay, where the client's `timeoutMs`
   * counts if it is shorter. Default 60,000.
   */
  readonly timeoutMs?: number;
  /** The same in seconds, as the Python SDK has it. */
  readonly timeout?: number;
  /** Whether messages are kept until they are received. `false` for agents that only send. Default `true`. */
  readonly receive?: boolean;
  /** Stops waiting. The request stays. */
  readonly signal?: AbortSignal;
}

/** {@link JoinWithTokenOptions}, checked. */
export interface CheckedJoin {
  readonly timeoutMs: number;
  readonly receive: boolean;
  readonly signal: AbortSignal | undefined;
}

const SECOND = 1000;
const DEFAULT_TTL_SECONDS = 3600;
const DEFAULT_JOIN_MS = 60_000;
const MAX_UINT32 = 0xffff_ffff;
/** Invites of a month are usual, longer ones are refused by servers. */
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
    throw new TypeError("identity must be a string or a Uint8Array that is not empty: the identity of the agent that is invited");
  }
  return identityBytes(identity);
}

function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1 || value > MAX_UINT32) throw new TypeError(`${name} must be a whole number from 1 on`);
}
