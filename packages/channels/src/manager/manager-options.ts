import { IS_ANYTHING, IS_BOOLEAN, type OptionCheck } from "@parley/core/internal";
import { checkGiven, checkSettings, type SkytaleClientOptions } from "../client-options.ts";
import { checkRetryTimes, type RetryTimes } from "../invites/retry-schedule.ts";

/** Options of `SkytaleChannelManager`. */
export interface SkytaleChannelManagerOptions extends Omit<SkytaleClientOptions, "dataDir"> {
  /**
   * Directory for the keys and the channel state of this agent only. Default: a new temporary directory, which `close()` deletes; `onWarning`
   * is called in that case.
   */
  readonly dataDir?: string | undefined;
  /** Whether this agent approves join requests made with a member's invite. Default `true`. If `false`, other members approve them. */
  readonly admit?: boolean;
}

/** All options that the manager reads. `admissionTimes` shortens the waits of the join request worker in tests. */
export interface ManagerOptions extends SkytaleChannelManagerOptions {
  readonly admissionTimes?: RetryTimes;
}

const OWN: Readonly<Record<Exclude<keyof ManagerOptions, keyof SkytaleClientOptions>, OptionCheck>> = {
  admit: IS_BOOLEAN,
  // Checked below.
  admissionTimes: IS_ANYTHING,
};

/** Checks a manager's options, and returns those for its agent. @throws TypeError naming the unknown or invalid option */
export function agentOptionsOf(options: ManagerOptions): Omit<SkytaleClientOptions, "dataDir"> {
  checkGiven(options, "SkytaleChannelManager", "endpoint and identity");
  checkSettings(options, OWN);
  checkRetryTimes(options.admissionTimes, "admissionTimes.");
  const { admit: _admit, admissionTimes: _admissionTimes, dataDir: _dataDir, ...rest } = options;
  return rest;
}
