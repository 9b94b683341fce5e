import { SkytaleChannelManager as Manager } from "@parley/channels";
import { fromEnvironment, type SkytaleChannelManagerOptions } from "./env.ts";

/**
 * Encrypted channels by name, for an agent that receives messages when it calls `receive`: arriving messages are stored on disk until then.
 *
 * Options that are not given come from the environment: see {@link SkytaleChannelManagerOptions}.
 *
 * @throws TypeError for invalid options. Files and connections are opened by the first call.
 * @example
 * ```ts
 * import { SkytaleChannelManager } from "skytale";
 *
 * await using alice = new SkytaleChannelManager({ identity: "alice" });
 * await alice.create("myorg/team/general");
 * console.log(await alice.invite("myorg/team/general"));
 * ```
 */
export class SkytaleChannelManager extends Manager {
  constructor(options: SkytaleChannelManagerOptions) {
    super(fromEnvironment(options));
  }
}
