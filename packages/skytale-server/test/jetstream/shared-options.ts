import { randomBytes } from "node:crypto";
import type { SkytaleOptions } from "../../src/options.ts";

let deployments = 0;

/** Options of servers of one deployment, apart from others on the same NATS. */
export function sharedOptions(nats: readonly string[], options: SkytaleOptions = {}): SkytaleOptions {
  return { port: 0, relayPort: 0, logger: false, nats, natsPrefix: `t${deployments++}`, serverKey: randomBytes(32), ...options };
}
