import { SkytaleChannelManager as Manager } from "@parley/channels";
import { fromEnvironment, lensDirectory, type SkytaleChannelManagerOptions } from "./env.ts";
import { ChannelRecord } from "./lens/channel-record.ts";
import { LensHolder } from "./lens/lens-holder.ts";

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
  readonly #lens: LensHolder | undefined;

  constructor(given: SkytaleChannelManagerOptions) {
    const options = fromEnvironment(given);
    const lens = lensDirectory(given.lens);
    const record = lens === undefined ? undefined : new ChannelRecord(options.events);
    super(record === undefined ? options : { ...options, events: record.events });
    if (lens === undefined || record === undefined) return;
    const name = typeof options.identity === "string" ? options.identity : Buffer.from(options.identity).toString();
    this.#lens = new LensHolder({ directory: lens, name, read: () => record.report(this) }, options.onWarning);
    this.#lens.open();
  }

  override async close(): Promise<void> {
    await Promise.all([super.close(), this.#lens?.close()]);
  }
}
