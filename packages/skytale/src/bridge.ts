import type { EnvelopeChannels, Protocol } from "@parley/envelope-and-adapters";
import type { BridgeReport, BridgesReport, ProblemReport } from "@parley/lens";
import {
  type BridgeError,
  type BridgeOptions,
  type NamedPort,
  ProtocolBridge as Bridge,
  type RunningBridge,
} from "@parley/protocol-bridge";
import { lensDirectory } from "./env.ts";
import { LensHolder } from "./lens/lens-holder.ts";

/** Options of {@link ProtocolBridge}: defaults for its bridges, and the lens. */
export interface ProtocolBridgeOptions extends BridgeOptions {
  /**
   * Directory in which the bridges are announced to the console of the same user, as with the manager's option of this name. Default:
   * `SKYTALE_LENS`, or no lens.
   */
  readonly lens?: string | undefined;
}

const MAX_PROBLEMS = 50;
const MAX_REASON = 500;
/** Tools of a bridge, and characters of the tools of all bridges, in a report. */
const MAX_TOOLS = 64;
const MAX_TOOLS_LENGTH = 512 * 1024;

/** A bridge with what its lens reports of it. */
interface Watched {
  readonly about: Omit<BridgeReport, "status" | "counters" | "problems" | "tools">;
  readonly running: RunningBridge;
  readonly problems: ProblemReport[];
}

/** Bridges that are reported; of those that have ended, the oldest are dropped. */
const MAX_BRIDGES = 64;

/**
 * Translates messages between protocols and forwards them from one channel to another. The agent that owns the channels must be a member of
 * both; it is the sender of the forwarded messages.
 *
 * Each message is forwarded exactly once, also across restarts, if the ports number their envelopes and treat send ids as idempotency keys.
 *
 * @example
 * ```ts
 * import { Protocol, ProtocolBridge, SkytaleChannelManager } from "skytale";
 *
 * await using manager = new SkytaleChannelManager({ identity: "bridge" });
 * await using bridge = new ProtocolBridge(manager);
 * const running = await bridge.bridge("org/a2a/in", "org/slim/out", Protocol.A2A, Protocol.SLIM);
 * console.log(running.counters.forwarded);
 * ```
 */
export class ProtocolBridge extends Bridge {
  readonly #onError: BridgeOptions["onError"];
  readonly #watched: Watched[] = [];
  readonly #lens: LensHolder | undefined;

  /** @throws TypeError an argument or option is invalid */
  constructor(channels: Pick<EnvelopeChannels, "open">, { lens, ...options }: ProtocolBridgeOptions = {}) {
    super(channels, options);
    this.#onError = options.onError;
    const directory = lensDirectory(lens);
    if (directory === undefined) return;
    this.#lens = new LensHolder({ directory, name: options.agent ?? "bridge", read: () => this.#report() }, undefined);
  }

  override async bridge(
    source: string | NamedPort,
    target: string | NamedPort,
    sourceProtocol: Protocol,
    targetProtocol: Protocol,
    options: BridgeOptions = {},
  ): Promise<RunningBridge> {
    if (this.#lens === undefined) return super.bridge(source, target, sourceProtocol, targetProtocol, options);
    const problems: ProblemReport[] = [];
    const inform = options.onError ?? this.#onError;
    const onError = (error: BridgeError): void => {
      const { code, reason } = error;
      problems.push({ code, reason: `${reason}${causeOf(error)}`.slice(0, MAX_REASON), time: Date.now() });
      if (problems.length > MAX_PROBLEMS) problems.shift();
      inform?.(error);
    };
    const running = await super.bridge(source, target, sourceProtocol, targetProtocol, { ...options, onError });
    const about = { source: nameOf(source), target: nameOf(target), sourceProtocol, targetProtocol, startedAt: Date.now() };
    this.#watched.push({ about, running, problems });
    if (this.#watched.length > MAX_BRIDGES)
      this.#watched.splice(
        Math.max(
          0,
          this.#watched.findIndex((one) => one.running.status !== "running"),
        ),
        1,
      );
    this.#lens.open();
    return running;
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.#lens?.close();
  }

  #report(): BridgesReport {
    let room = MAX_TOOLS_LENGTH;
    const bridges = this.#watched.map(({ about, running, problems }) => {
      const tools = running.status === "running" ? running.tools.slice(0, MAX_TOOLS) : [];
      const length = JSON.stringify(tools).length;
      const isShown = tools.length > 0 && length <= room;
      if (isShown) room -= length;
      const counters = { ...running.counters, pending: running.pending };
      return { ...about, status: running.status, counters, problems, ...(isShown && { tools }) };
    });
    return { kind: "bridges", bridges };
  }
}

function nameOf(end: string | NamedPort): string {
  return typeof end === "string" ? end : end.name;
}

function causeOf({ cause }: BridgeError): string {
  return cause instanceof Error ? `: ${cause.message}` : "";
}
