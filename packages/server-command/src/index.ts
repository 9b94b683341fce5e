export { readConfigFile, readPortOption } from "./config.ts";
export { Connections, type ConnectionsOptions, type DropReason, peerOf } from "./connections.ts";
export { writeEnvFile } from "./env-file.ts";
export { LOG_LEVELS, serverLogger } from "./logger.ts";
export { parseOptions } from "./parse-options.ts";
export { listenError, probePort } from "./ports.ts";
export { clientAddress, IS_TRUST_PROXY, proxyTrust, readTrustProxyOption, withOneProxy } from "./trust-proxy.ts";
export type { ProxyTrust, TrustProxy } from "./trust-proxy.ts";
export { type HeldLoop, Watchdog, type WatchdogOptions } from "./watchdog.ts";
