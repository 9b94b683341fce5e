import { describeKind } from "@parley/core/internal";
import { lazily } from "@parley/core/lazily";
import type { EnvelopeChannels, Protocol } from "@parley/envelope-and-adapters";
import { checkChannels } from "@parley/envelope-and-adapters/internal";
import { readBridgeOptions, type BridgeOptions, type NamedPort } from "./bridge-options.ts";
import type { BridgeEnd } from "./route.ts";
import type { RunningBridge } from "./running-bridge.ts";

/** The translations are loaded by the first bridge. */
const loadBridge = lazily(() => import("./start-bridge.ts"));

function isNamedPort(end: unknown): end is NamedPort {
  const { name, port } = (end ?? {}) as Partial<NamedPort>;
  return typeof name === "string" && name !== "" && typeof port?.send === "function" && typeof port.receive === "function";
}

/**
 * Translates messages between protocols and forwards them from one channel to another. The agent that owns the channels must be a member of
 * both; it is the sender of the forwarded messages.
 *
 * Each message is forwarded exactly once, also across restarts, if the ports number their envelopes and treat send ids as idempotency keys.
 *
 * @example
 * ```ts
 * import { Protocol } from "@parley/envelope-and-adapters";
 * import { createMemoryChannels } from "@parley/envelope-and-adapters/memory";
 * import { ProtocolBridge } from "@parley/protocol-bridge";
 *
 * const [manager] = createMemoryChannels(["bridge"]);
 * await manager.create("org/a2a/in");
 * await manager.create("org/slim/out");
 * await using bridge = new ProtocolBridge(manager);
 * const running = await bridge.bridge("org/a2a/in", "org/slim/out", Protocol.A2A, Protocol.SLIM);
 * console.log(running.counters.forwarded);
 * ```
 */
export class ProtocolBridge implements AsyncDisposable {
  readonly #channels: Pick<EnvelopeChannels, "open">;
  readonly #options: BridgeOptions;
  readonly #running = new Set<RunningBridge>();

  /**
   * @param options defaults for all bridges of this object
   * @throws TypeError an argument or option is invalid
   */
  constructor(channels: Pick<EnvelopeChannels, "open">, options: BridgeOptions = {}) {
    this.#channels = checkChannels(channels);
    this.#options = options;
    readBridgeOptions(options);
  }

  /**
   * Starts to forward messages of one protocol from the source to the target, in another protocol. Resolves once it has subscribed. This is
   * one direction; call it again for the other. Between A2A and MCP one call is enough, because it also returns the answers.
   *
   * @param source name of a channel that the agent is a member of, or a port with a name that stays the same across restarts
   * @throws TypeError no translation between the protocols exists, or an end or an option is invalid
   * @throws what opening the channels throws
   */
  async bridge(
    source: string | NamedPort,
    target: string | NamedPort,
    sourceProtocol: Protocol,
    targetProtocol: Protocol,
    options: BridgeOptions = {},
  ): Promise<RunningBridge> {
    readBridgeOptions(options);
    const settings = readBridgeOptions({ ...this.#options, ...options });
    const { findDirection, startBridge } = await loadBridge();
    const direction = findDirection(sourceProtocol, targetProtocol);
    const [from, to] = [await this.#open(source, sourceProtocol), await this.#open(target, targetProtocol)];
    const running = startBridge({ from, to, settings, direction });
    this.#running.add(running);
    void running.ended.then(() => this.#running.delete(running));
    return running;
  }

  /** Stops all bridges of this object. The channels stay open. */
  async stop(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #open(end: string | NamedPort, protocol: Protocol): Promise<BridgeEnd> {
    if (typeof end === "string") return { name: end, port: await this.#channels.open(end), protocol };
    if (!isNamedPort(end))
      throw new TypeError(`An end of a bridge must be the name of a channel, or { name, port }, not ${describeKind(end)}`);
    return { name: end.name, port: end.port, protocol };
  }
}
