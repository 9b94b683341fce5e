import type { NodeLimits } from "../options.ts";
import { outboundLimits, type OutboundLimits } from "./outbound/outbound-limits.ts";

/** Limits of the outbound queue that an operator can set. */
export function queueLimits(limits: NodeLimits): OutboundLimits {
  return outboundLimits({
    maxMessagesPerSender: limits.maxOutboundMessages,
    maxLengthPerSender: limits.maxOutboundLength,
    maxMessagesPerOwner: limits.maxWaitingMessagesPerKey,
    maxLengthPerOwner: limits.maxWaitingLengthPerKey,
    maxConnectionsPerNode: limits.maxConnectionsPerNode,
  });
}
