export { servedMetrics, type ServedMetrics } from "./served-metrics.ts";
