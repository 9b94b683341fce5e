import { readFileSync } from "node:fs";
import type { Environment } from "./environment.ts";
import { isRecordDamaged } from "./storage-error.ts";

/** Largest gain of the wall clock on the monotonic clock, within {@link ACCEPT_AFTER_MS}, that is followed. */
const MAX_GAIN_MS = 5 * 60_000;
/** How long the wall clock must have been ahead before it is followed. */
const ACCEPT_AFTER_MS = 60 * 60_000;
/** Interval at which the readings are written. */
const KEEP_EVERY_MS = 60_000;
const KEY = Buffer.from("clock");

/** Both clocks at the same moment. */
interface Reading {
  /** Milliseconds since 1970. */
  readonly wall: number;
  /** Milliseconds since the machine started. */
  readonly monotonic: number;
}

interface KeptReading extends Reading {
  /** Identifies the boot of the machine; empty if the system does not provide it. */
  readonly boot: string;
}

/** Options of {@link SteadyClock}. */
export interface SteadyClockOptions {
  /** Stores the last readings. Without it, a jump across a restart is not detected. */
  readonly environment?: Environment | undefined;
  /** Accepts the wall clock, regardless of how far it is ahead of the last readings. Default `false`. */
  readonly accept?: boolean | undefined;
  /** Milliseconds since 1970; for tests. */
  readonly wall?: () => number;
  /** Milliseconds since the machine started; for tests. */
  readonly monotonic?: () => number;
  /** Identifies the boot of the machine; for tests. */
  readonly boot?: string;
  /** Called when the wall clock has gained too much on the monotonic clock, and is not followed for an hour. */
  readonly onJump?: (aheadMs: number) => void;
}

/**
 * The time for expiry. It follows the wall clock, unless that jumps ahead: then it ignores the jump until the wall clock has been ahead for an
 * hour. A clock that is wrong for a shorter time expires nothing. Time in which the machine was off counts as a jump.
 */
export class SteadyClock {
  readonly #options: SteadyClockOptions;
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  readonly #boot: string;
  #anchor: Reading;
  /** Set while the wall clock is not followed: how far it is ahead, and since when. */
  #held: { readonly aheadMs: number; readonly since: number } | undefined;
  #keptAt = Number.NEGATIVE_INFINITY;

  constructor(options: SteadyClockOptions = {}) {
    this.#options = options;
    this.#wall = options.wall ?? (() => Date.now());
    this.#monotonic = options.monotonic ?? monotonicNow;
    this.#boot = options.boot ?? bootId();
    const now = { wall: this.#wall(), monotonic: this.#monotonic() };
    const last = options.accept === true ? undefined : readLast(options.environment);
    this.#anchor = last === undefined ? now : this.#continued(last, now);
    this.now();
  }

  /** Returns milliseconds since 1970, never ahead of the wall clock. */
  now(): number {
    const wall = this.#wall();
    const monotonic = this.#monotonic();
    const expected = this.#anchor.wall + monotonic - this.#anchor.monotonic;
    const aheadMs = wall - expected;
    if (aheadMs <= MAX_GAIN_MS) {
      this.#held = undefined;
      if (monotonic - this.#anchor.monotonic >= ACCEPT_AFTER_MS) this.#anchor = { wall, monotonic };
      return wall;
    }
    if (this.#held === undefined || Math.abs(aheadMs - this.#held.aheadMs) > MAX_GAIN_MS) {
      this.#held = { aheadMs, since: monotonic };
      this.#options.onJump?.(aheadMs);
    }
    if (monotonic - this.#held.since < ACCEPT_AFTER_MS) return expected;
    this.#held = undefined;
    this.#anchor = { wall, monotonic };
    return wall;
  }

  /** How far the wall clock is ahead of this clock, in milliseconds; 0 while it is followed. */
  get heldBackMs(): number {
    const now = this.now();
    return this.#held === undefined ? 0 : Math.max(0, this.#wall() - now);
  }

  /** Writes the readings once a minute, for the next start. Called by the server's sweep timer. A failed write is retried after a minute. */
  keep(): Promise<void> {
    return this.#monotonic() - this.#keptAt < KEEP_EVERY_MS ? Promise.resolve() : this.keepNow();
  }

  /** Writes the readings. Called before the server closes its environment. Never rejects. */
  async keepNow(): Promise<void> {
    const { environment } = this.#options;
    const monotonic = this.#monotonic();
    this.#keptAt = monotonic;
    if (environment === undefined) return;
    const kept: KeptReading = { wall: this.now(), monotonic, boot: this.#boot };
    environment.writes.put(environment.table("meta"), KEY, Buffer.from(JSON.stringify(kept)));
    await environment.writes.flush().catch(() => undefined);
  }

  #continued({ wall, monotonic, boot }: KeptReading, now: Reading): Reading {
    const isSameBoot = boot !== "" && boot === this.#boot && monotonic <= now.monotonic;
    return isSameBoot ? { wall, monotonic } : { wall, monotonic: now.monotonic };
  }
}

/** Reads the last readings; `undefined` if they are missing or damaged. */
function readLast(environment: Environment | undefined): KeptReading | undefined {
  try {
    const value = environment?.table("meta").get(KEY);
    if (value === undefined) return undefined;
    const { wall, monotonic, boot } = JSON.parse(Buffer.from(value).toString()) as Partial<KeptReading>;
    return typeof wall === "number" && typeof monotonic === "number" && typeof boot === "string" ? { wall, monotonic, boot } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isRecordDamaged(error)) return undefined;
    throw error;
  }
}

/** `performance.now()` reads the same clock, from the start of the process, at a fraction of the cost. */
const PROCESS_STARTED_AT = Number(process.hrtime.bigint() / 1_000_000n) - Math.round(performance.now());

function monotonicNow(): number {
  return PROCESS_STARTED_AT + Math.floor(performance.now());
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "";
  }
}
