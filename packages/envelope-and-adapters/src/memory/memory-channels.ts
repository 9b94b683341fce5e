import type { EnvelopeChannels } from "../port.ts";
import { PortError } from "../port-error.ts";
import { MemoryBus, type MemoryPort, type MemoryPortOptions } from "./memory-port.ts";

/** One agent's channels in memory. */
export interface MemoryChannels extends EnvelopeChannels {
  readonly name: string;
  create(name: string): Promise<MemoryPort>;
  /** Joins a channel that another agent of the same world has created. Any welcome will do. */
  join(name: string, welcome: Uint8Array): Promise<MemoryPort>;
  open(name: string): Promise<MemoryPort>;
}

/**
 * Agents that share a world of channels in memory; for tests and examples. See {@link createMemoryPorts} for how channels behave.
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
  return names.map((name) => new WorldChannels(name, channels, options)) as { -readonly [Index in keyof Names]: MemoryChannels };
}

class WorldChannels implements MemoryChannels {
  readonly name: string;
  readonly #world: Map<string, MemoryBus>;
  readonly #options: MemoryPortOptions;
  readonly #ports = new Map<string, MemoryPort>();

  constructor(name: string, world: Map<string, MemoryBus>, options: MemoryPortOptions) {
    this.name = name;
    this.#world = world;
    this.#options = options;
  }

  async create(channel: string): Promise<MemoryPort> {
    if (this.#world.has(channel)) throw new TypeError(`The memory channel ${channel} exists already`);
    this.#world.set(channel, new MemoryBus(this.#options));
    return this.join(channel);
  }

  async join(channel: string): Promise<MemoryPort> {
    const bus = this.#world.get(channel);
    if (bus === undefined) throw new PortError("unknown_channel", `There is no memory channel ${channel}`);
    const port = this.#ports.get(channel) ?? bus.join(this.name);
    this.#ports.set(channel, port);
    return port;
  }

  async open(channel: string): Promise<MemoryPort> {
    const port = this.#ports.get(channel);
    if (port === undefined) throw new PortError("unknown_channel", `${this.name} is no member of a memory channel ${channel}`);
    return port;
  }
}
