import { rejectUnknownOptions } from "@parley/core/internal";
import { CLIENT_OPTIONS, type SkytaleClientOptions } from "../client-options.ts";
import type { DeferralTimes } from "../invites/deferrals.ts";

/** Options of `SkytaleChannelManager`. */
export interface SkytaleChannelManagerOptions extends Omit<SkytaleClientOptions, "dataDir"> {
  /**
   * Directory for keys and the state of channels, of this agent alone. Without one, it is a new directory among the temporary files, of
   * which `onWarning` tells: what is in it is lost for all practical purposes when this process ends.
   */
  readonly dataDir?: string | undefined;
  /**
   * Whether this agent lets in who comes with an invite that a member has made. Default `true`. Another member does it where this one
   * doesn't.
   */
  readonly admit?: boolean;
  /** What should be known and is no error. Default: `process.emitWarning`. */
  readonly onWarning?: (warning: string) => void;
  /** When other members act in the place of one who doesn't. For tests. @internal */
  readonly admissionTimes?: DeferralTimes;
}

/** Options of `SkytaleChannelManager.invite`. */
export interface InviteOptions {
  /** How many may join by it. Default 1. */
  readonly maxUses?: number;
  /** Its life in seconds. Default 3600. */
  readonly ttl?: number;
}

/** Options of `SkytaleChannelManager.joinWithToken`. */
export interface JoinWithTokenOptions {
  /** Longest wait for a member to answer, in seconds. Default 60. */
  readonly timeout?: number;
  /** Whether messages are kept until they are received. `false` for who only sends. Default `true`. */
  readonly receive?: boolean;
  /** Stops waiting. The request stays. */
  readonly signal?: AbortSignal;
}

const OWN: Readonly<Record<Exclude<keyof SkytaleChannelManagerOptions, keyof SkytaleClientOptions>, true>> = {
  admit: true,
  onWarning: true,
  admissionTimes: true,
};

const OPTIONS = [...CLIENT_OPTIONS, ...Object.keys(OWN)];

/** The options that are a client's own. @throws TypeError naming what is no option of a manager */
export function clientOptionsOf(options: SkytaleChannelManagerOptions): Omit<SkytaleClientOptions, "dataDir"> {
  rejectUnknownOptions(options, OPTIONS);
  const { admit: _admit, onWarning: _onWarning, admissionTimes: _admissionTimes, dataDir: _dataDir, ...rest } = options;
  return rest;
}
