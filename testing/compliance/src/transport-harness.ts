import type { JsonObject, Transport } from "@parley/core";

/** What not every node can be made to do: a node in memory answers as soon as it is asked, and takes whoever comes. */
export type HarnessAbility = "stall" | "refuseJoins";

/** A transport under test, and the node's side of it as the suite steers it. */
export interface TransportHarness {
  readonly transport: Transport;
  /** Hands a plaintext to the connection of a DID, and keeps it until that settles it. */
  deliver(did: string, plaintext: JsonObject): Promise<void>;
  /** The next plaintext that the node accepted. */
  received(): Promise<unknown>;
  /** From now on the node refuses messages. */
  refuseMessages(): void;
  /** From now on the node reads messages but doesn't answer. */
  stall(): void;
  /** From now on the node refuses joins. */
  refuseJoins(): void;
  /** Breaks the link, and keeps it from coming back. */
  cut(): Promise<void>;
  /** Lets the link come back. What the connection has not settled is delivered again, in order, before anything new. */
  restore(): Promise<void>;
  /** Releases what the harness holds. Called after every test. */
  stop(): Promise<void>;
}
