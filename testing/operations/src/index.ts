export { metricsOf, type QueriedMetric } from "./promql.ts";
export { servedMetrics, type ServedMetrics } from "./served-metrics.ts";
