import type { NodeLimits } from "../options.ts";
import { outboundLimits, type OutboundLimits } from "./outbound/outbound-limits.ts";

/** The caps of the queue that a node's operator may set. */
export function queueLimits({ maxOutboundMessages, maxOutboundLength, maxConnectionsPerNode }: NodeLimits): OutboundLimits {
  return outboundLimits({ maxMessagesPerSender: maxOutboundMessages, maxLengthPerSender: maxOutboundLength, maxConnectionsPerNode });
}
