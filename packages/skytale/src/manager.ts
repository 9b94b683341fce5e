import { SkytaleChannelManager as Manager } from "@parley/channels";
import { fromEnvironment, type SkytaleChannelManagerOptions } from "./env.ts";

/**
 * Encrypted channels by their names, for an agent that takes its messages when it suits it: what arrives meanwhile waits, on disk.
 *
 * Relay, API key and data directory come from the environment where they aren't given: see {@link SkytaleChannelManagerOptions}.
 *
 * @throws TypeError for options that make no sense. Nothing is opened or connected yet: that happens with the first call.
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
