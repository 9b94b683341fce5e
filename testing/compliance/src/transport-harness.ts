import type { JsonObject, Transport } from "@parley/core";

/** Optional abilities of a harness. A node in memory, for example, can neither stall nor refuse joins. */
export type HarnessAbility = "stall" | "refuseJoins";

/** A transport under test, and its node, which the suite controls. */
export interface TransportHarness {
  readonly transport: Transport;
  /** Delivers a plaintext to the connection of a DID, and stores it until the connection settles it. */
  deliver(did: string, plaintext: JsonObject): Promise<void>;
  /** The next plaintext that the node accepted. */
  received(): Promise<unknown>;
  /** Makes the node reject messages. */
  refuseMessages(): void;
  /** Makes the node read messages without responding. */
  stall(): void;
  /** Makes the node reject joins. */
  refuseJoins(): void;
  /** Breaks the link, and prevents reconnections. */
  cut(): Promise<void>;
  /** Allows reconnections. Unsettled messages are redelivered in order, before new ones. */
  restore(): Promise<void>;
  /** Releases all resources. Called after every test. */
  stop(): Promise<void>;
}
