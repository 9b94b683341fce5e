import type { NodeLimits } from "../options.ts";

/** Connections reserved for clients without an API key. */
export function anonymousConnections({ maxConnections }: NodeLimits): number {
  return Math.max(1, Math.floor(maxConnections / 4));
}
