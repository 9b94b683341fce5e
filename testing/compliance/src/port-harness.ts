import type { EnvelopePort } from "@parley/envelope-and-adapters";

/** Three parties of one channel. */
export interface PortHarness {
  readonly ports: readonly [EnvelopePort, EnvelopePort, EnvelopePort];
  /** Most envelopes that a subscription of these ports buffers or leaves unsettled. */
  readonly maxBuffered: number;
  /** Closes the ports. Idempotent. */
  close(): Promise<void>;
  /** Releases all resources. Called after every test, with the ports closed. */
  stop?(): Promise<void>;
}
