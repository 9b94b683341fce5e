import { IS_ANYTHING, IS_BOOLEAN, type OptionCheck } from "@parley/core/internal";
import { checkGiven, checkSettings, type SkytaleClientOptions } from "../client-options.ts";
import { checkRetryTimes, type RetryTimes } from "../invites/retry-schedule.ts";

/** Options of `SkytaleChannelManager`. */
export interface SkytaleChannelManagerOptions extends Omit<SkytaleClientOptions, "dataDir"> {
  /**
   * Directory for keys and the state of channels, of this agent alone. Without one, it is a new directory among the temporary files, which
   * is deleted when the manager is closed; `onWarning` is called then.
   */
  readonly dataDir?: string | undefined;
  /**
   * Whether this agent lets in who comes with an invite that a member has made. Default `true`. Another member does it where this one
   * doesn't.
   */
  readonly admit?: boolean;
  /** When other members act in the place of one who doesn't. For tests. @internal */
  readonly admissionTimes?: RetryTimes;
}

const OWN: Readonly<Record<Exclude<keyof SkytaleChannelManagerOptions, keyof SkytaleClientOptions>, OptionCheck>> = {
  admit: IS_BOOLEAN,
  admissionTimes: IS_ANYTHING,
};

/** The options that are a client's own. @throws TypeError naming what is no option of a manager, or makes no sense */
export function clientOptionsOf(options: SkytaleChannelManagerOptions): Omit<SkytaleClientOptions, "dataDir"> {
  checkGiven(options, "SkytaleChannelManager", "endpoint and identity");
  checkSettings(options, OWN);
  checkRetryTimes(options.admissionTimes, "admissionTimes.");
  const { admit: _admit, admissionTimes: _admissionTimes, dataDir: _dataDir, ...rest } = options;
  return rest;
}
