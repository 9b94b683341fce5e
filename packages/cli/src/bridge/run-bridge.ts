import { ProtocolBridge } from "skytale";
import { z } from "zod";
import { withManager, type ChannelAgentOptions } from "../channels/channel-agent.ts";
import { readJsonInput } from "../command/read-input.ts";
import { exitOfSignal, type Runtime } from "../command/runtime.ts";
import { CliError, usageError } from "../cli-error.ts";
import { printable } from "../output/printable.ts";

/** What `parley bridge run --json` prints: one object when a route starts, one when it ends. */
export interface BridgeOutput {
  readonly event: "started" | "ended";
  readonly source: string;
  readonly target: string;
  /** Numbers of messages, such as `forwarded`. */
  readonly counters: Readonly<Record<string, number>>;
}

const protocol = z.enum(["a2a", "mcp", "slim"]);
const CONFIG = z.strictObject({
  /** Name of the bridge among agents. */
  agent: z.string().optional(),
  routes: z
    .array(
      z.strictObject({
        source: z.string(),
        target: z.string(),
        from: protocol,
        to: protocol,
        tool: z.string().optional(),
        server: z.string().optional(),
        peer: z.string().optional(),
        peerKey: z.string().optional(),
        contextId: z.string().optional(),
        drainTarget: z.boolean().optional(),
      }),
    )
    .min(1)
    .max(64),
});

/**
 * Runs the bridges of a configuration until a signal.
 *
 * @returns 130 or 143 after a signal
 * @throws CliError `usage` (the configuration), `bridge_ended`; errors of channels
 */
export async function runBridge(runtime: Runtime, options: ChannelAgentOptions, config: string): Promise<number> {
  const { output, signal } = runtime;
  const { agent, routes } = await readConfig(config);
  await withManager(runtime, options, async (manager) => {
    const onError = ({ code, message }: { readonly code: string; readonly message: string }): void =>
      output.note(printable(`${code}: ${message}`));
    await using bridge = new ProtocolBridge(manager, { ...(agent !== undefined && { agent }), onError });
    const ends = [];
    for (const { source, target, from, to, ...more } of routes) {
      const given = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
      const running = await bridge.bridge(source, target, from, to, given);
      const print = (event: BridgeOutput["event"]): void => {
        const result: BridgeOutput = { event, source, target, counters: { ...running.counters } };
        output.data(result, () => `${event}  ${source} (${from}) → ${target} (${to})  ${countersOf(result.counters)}`);
      };
      print("started");
      ends.push(running.ended.then((reason) => (print("ended"), reason)));
    }
    signal.addEventListener("abort", () => void bridge.stop());
    if (signal.aborted) await bridge.stop();
    const reason = (await Promise.all(ends)).find((each) => each !== undefined);
    if (reason !== undefined) throw new CliError("bridge_ended", `a bridge has ended: ${reason.message}`, { cause: reason });
  });
  return exitOfSignal(runtime);
}

function countersOf(counters: BridgeOutput["counters"]): string {
  return Object.entries(counters)
    .map(([name, count]) => `${name}=${count}`)
    .join(" ");
}

async function readConfig(config: string): Promise<z.infer<typeof CONFIG>> {
  const text = await readJsonInput(config === "-" ? config : `@${config}`, "the configuration");
  const { success, data, error } = CONFIG.safeParse(text);
  if (success) return data;
  const [issue] = error.issues;
  throw usageError(
    `${config}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is malformed"}`,
    'write it like {"routes":[{"source":"acme/agents/desk","target":"acme/tools/desk","from":"a2a","to":"mcp"}]}',
  );
}
