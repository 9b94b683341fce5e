export { Cluster, type ClusterOptions, DOMAIN } from "./cluster.ts";
export { Ledger } from "./ledger.ts";
export { Orders, type OrdersOptions } from "./orders.ts";
export type { ServerGroup } from "./server-group.ts";
export type { ServerProcess } from "./server-process.ts";
