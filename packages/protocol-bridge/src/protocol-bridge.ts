import type { EnvelopeChannels, Protocol } from "@parley/envelope-and-adapters";
import { checkChannels, kindOf } from "@parley/envelope-and-adapters/internal";
import { readOptions, type BridgeOptions, type NamedPort } from "./bridge-options.ts";
import { flowsBetween } from "./find-direction.ts";
import { Route, type End } from "./route.ts";
import { Crossing, type RunningBridge } from "./running-bridge.ts";

function isNamedPort(end: unknown): end is NamedPort {
  const { name, port } = (end ?? {}) as Partial<NamedPort>;
  return typeof name === "string" && name !== "" && typeof port?.send === "function" && typeof port.receive === "function";
}

/**
 * Translates messages between protocols, from one channel to another. The agent of the channels is a member of both, and what it forwards
 * is sent by it.
 *
 * What was forwarded is not forwarded again after a restart, and nothing is left out, as far as the ports know their envelopes again and
 * take a send with an id once.
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

  /** `options` are defaults for every bridge. */
  constructor(channels: Pick<EnvelopeChannels, "open">, options: BridgeOptions = {}) {
    this.#channels = checkChannels(channels);
    this.#options = options;
    readOptions(options);
  }

  /**
   * Starts to forward what arrives on the source, in one protocol, to the target, in another. One direction; for both, call it twice, but
   * for A2A and MCP: there a single one brings the answers back. Resolves once it has subscribed.
   *
   * @param source a channel that the agent is a member of, or a port with a name, which is to be the same after a restart.
   * @throws TypeError nothing translates between these protocols, or an end or an option is wrong; what opening the channels throws.
   */
  async bridge(
    source: string | NamedPort,
    target: string | NamedPort,
    sourceProtocol: Protocol,
    targetProtocol: Protocol,
    options: BridgeOptions = {},
  ): Promise<RunningBridge> {
    readOptions(options);
    const settings = readOptions({ ...this.#options, ...options });
    const flows = flowsBetween(sourceProtocol, targetProtocol);
    const [from, to] = [await this.#end(source, sourceProtocol), await this.#end(target, targetProtocol)];
    const running = new Crossing(new Route(from, to, settings), flows);
    this.#running.add(running);
    void running.ended.then(() => this.#running.delete(running));
    return running;
  }

  /** Stops all bridges. Channels stay as they are. */
  async stop(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #end(end: string | NamedPort, protocol: Protocol): Promise<End> {
    if (typeof end === "string") return { name: end, port: await this.#channels.open(end), protocol };
    if (!isNamedPort(end)) throw new TypeError(`An end of a bridge is the name of a channel, or { name, port }, not ${kindOf(end)}`);
    return { name: end.name, port: end.port, protocol };
  }
}
