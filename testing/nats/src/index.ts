export { missingNats } from "./find-nats.ts";
export { startNats, type NatsOptions } from "./start-nats.ts";
export type { NatsServer, NatsServers } from "./nats-server.ts";
export { LoadBalancer } from "./load-balancer.ts";
