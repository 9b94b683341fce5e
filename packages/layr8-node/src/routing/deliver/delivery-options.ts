import type { Clock } from "../../clock.ts";
import type { WindowLimits } from "./window.ts";

/** Options of delivery and redelivery. */
export interface DeliveryOptions {
  /** Wait for an acknowledgement before the first redelivery; doubles with each attempt. Milliseconds. */
  readonly ackTimeoutMs: number;
  /** The longest such wait, in milliseconds. */
  readonly maxAckTimeoutMs: number;
  readonly window: WindowLimits;
  /** Number of threads remembered per DID. */
  readonly maxThreads: number;
  readonly clock: Clock;
}
