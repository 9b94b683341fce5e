export { missingNats } from "./find-nats.ts";
export { startNats, type NatsOptions } from "./start-nats.ts";
export type { NatsServer, NatsServers } from "./nats-server.ts";
export { type HeldMessages, HoldingProxy } from "./holding-proxy.ts";
export { LoadBalancer, type Target } from "./load-balancer.ts";
export { type Machine, Machines, missingMachines } from "./machines.ts";
