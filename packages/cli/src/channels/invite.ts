import { setTimeout as delay } from "node:timers/promises";
import { abortable, deferred } from "@parley/core/internal";
import { exitOfSignal, type Runtime } from "../command/runtime.ts";
import { CliError, EXIT } from "../cli-error.ts";
import { printable } from "../output/printable.ts";
import { listAll } from "./call-api.ts";
import { withManager, type ChannelAgentOptions } from "./channel-agent.ts";
import type { InviteOutput } from "./channel-output.ts";
import { requireServer } from "./server-settings.ts";

/** Options of `parley channels invite`. */
interface InviteOptions extends ChannelAgentOptions {
  readonly uses: number;
  /** Milliseconds. */
  readonly validFor: number;
  readonly for?: string;
  readonly wait: boolean;
}

/** Time between two looks for unanswered requests, in milliseconds. */
const LOOK_MS = 200;

/**
 * Creates an invite, prints its token, and stays connected until as many agents as the invite has uses have joined.
 *
 * @returns 130 or 143 after a signal
 * @throws CliError `invite_expired` if fewer have joined by then
 */
export async function invite(runtime: Runtime, options: InviteOptions, channel: string): Promise<number> {
  const { uses, validFor, for: identity, wait } = options;
  const { output, signal } = runtime;
  const allJoined = deferred<void>();
  let joined = 0;
  const onMembersChanged = (_channel: string, { added }: { readonly added: readonly { readonly name: string }[] }): void => {
    for (const { name } of added) output.note(printable(`${name} joins.`));
    joined += added.length;
    if (joined >= uses) allJoined.resolve();
  };
  await withManager(
    runtime,
    options,
    async (manager) => {
      await manager.open(channel, { signal });
      const token = await manager.invite(channel, { maxUses: uses, ttlMs: validFor, ...(identity !== undefined && { identity }) });
      const created: InviteOutput = { channel, token };
      output.data(created, () => token);
      if (!wait) return;
      output.note("Waiting for the agents that join; Ctrl-C stops the wait.");
      const expired = AbortSignal.timeout(validFor);
      const ended = AbortSignal.any([signal, expired]);
      await abortable(allJoined.promise, ended)
        .then(() => untilAnswered(runtime, options, channel, ended))
        .catch((error: unknown) => {
          if (signal.aborted) return;
          if (!expired.aborted) throw error;
          throw new CliError("invite_expired", `the invite has expired, and ${joined} of ${uses} agents have joined`, {
            exit: EXIT.timedOut,
          });
        });
    },
    { onMembersChanged },
  );
  return exitOfSignal(runtime);
}

/** Waits until no request is unanswered: a member is added first, and receives its Welcome afterwards. */
async function untilAnswered(runtime: Runtime, options: InviteOptions, channel: string, signal: AbortSignal): Promise<void> {
  const server = await requireServer(runtime, options);
  const path = `/v1/channels/pending?channel=${encodeURIComponent(channel)}`;
  while ((await listAll(server, path, { member: "pending", signal })).length > 0) await delay(LOOK_MS, undefined, { signal });
}
