import type { EnvelopePort } from "@parley/envelope-and-adapters";

/** Three parties of one channel. */
export interface PortHarness {
  readonly ports: readonly [EnvelopePort, EnvelopePort, EnvelopePort];
  /** How many envelopes a subscription of these ports buffers, or has unsettled. */
  readonly maxBuffered: number;
  /** Closes the ports. May be called again. */
  close(): Promise<void>;
  /** Releases what the harness holds. Called after every test, with the ports closed. */
  stop?(): Promise<void>;
}
