import type { EnvelopeChannels } from "../port.ts";
import { PortError } from "../port-error.ts";
import { MemoryBus, type MemoryPort, type MemoryPortOptions } from "./memory-port.ts";

/** The in-memory channels of one agent. */
export interface MemoryChannels extends EnvelopeChannels {
  readonly name: string;
  create(name: string): Promise<MemoryPort>;
  /** Joins a channel that another agent has created. The welcome is ignored. */
  join(name: string, welcome: Uint8Array): Promise<MemoryPort>;
  open(name: string): Promise<MemoryPort>;
}

/**
 * Creates agents that share in-memory channels, for tests and examples. See {@link createMemoryPorts} for the behavior of the channels.
 *
 * @example
 * ```ts
 * import { createMemoryChannels } from "@parley/envelope-and-adapters/memory";
 *
 * const [alice, bob] = createMemoryChannels(["alice", "bob"]);
 * const ours = await alice.create("org/team/general");
 * const theirs = await bob.join("org/team/general", new Uint8Array());
 * ```
 */
export function createMemoryChannels<const Names extends readonly string[]>(
  names: Names,
  options: MemoryPortOptions = {},
): { -readonly [Index in keyof Names]: MemoryChannels } {
  const channels = new Map<string, MemoryBus>();
  return names.map((name) => new AgentChannels(name, channels, options)) as { -readonly [Index in keyof Names]: MemoryChannels };
}

class AgentChannels implements MemoryChannels {
  readonly name: string;
  readonly #buses: Map<string, MemoryBus>;
  readonly #options: MemoryPortOptions;
  readonly #ports = new Map<string, MemoryPort>();

  constructor(name: string, buses: Map<string, MemoryBus>, options: MemoryPortOptions) {
    this.name = name;
    this.#buses = buses;
    this.#options = options;
  }

  async create(channel: string): Promise<MemoryPort> {
    if (this.#buses.has(channel)) throw new TypeError(`The memory channel ${channel} exists already`);
    this.#buses.set(channel, new MemoryBus(this.#options));
    return this.join(channel);
  }

  async join(channel: string): Promise<MemoryPort> {
    const bus = this.#buses.get(channel);
    if (bus === undefined) throw new PortError("unknown_channel", `Memory channel ${channel} does not exist`);
    const port = this.#ports.get(channel) ?? bus.join(this.name);
    this.#ports.set(channel, port);
    return port;
  }

  async open(channel: string): Promise<MemoryPort> {
    const port = this.#ports.get(channel);
    if (port === undefined) throw new PortError("unknown_channel", `${this.name} is not a member of memory channel ${channel}`);
    return port;
  }
}
