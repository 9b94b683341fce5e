import type { NatsSettings } from "@parley/server-kit";
import type { HealthCheck } from "@parley/server-kit/http";
import type { Retention } from "./log/channel-log.ts";
import type { Logs } from "./log/open-logs.ts";
import type { RegistryListener } from "./registry/jetstream-registry.ts";
import type { Registry } from "./registry/registry.ts";

/** The stores of a server. */
export interface Stores {
  readonly registry: Registry;
  readonly logs: Logs;
  /** Set if other servers have the same data. */
  readonly shared?: SharedStorage | undefined;
}

/** What a server knows of the storage that it shares with others. */
export interface SharedStorage {
  /** Whether reads and writes succeed. */
  checkHealth(): Promise<HealthCheck>;
  /** How many servers share the storage, this one included. */
  servers(): number;
  /** Calls the listener for each change of the registry, by this server or another. */
  onChanges(listener: RegistryListener): void;
}

/** Options of `openStores`. */
export interface StoresOptions {
  readonly retention?: Partial<Retention>;
  /** Where servers share their data. The storage has no directory then. */
  readonly nats?: NatsSettings | undefined;
  /** Accepts a clock that is ahead of that of NATS. Default `false`. */
  readonly acceptClock?: boolean;
}
