export { PhoenixTransport } from "./phoenix-transport.ts";
export type { DidSpecOptions, LimitOptions, PhoenixTransportOptions, ReconnectOptions, TimeoutOptions } from "./options.ts";
export type { TlsOptions } from "@parley/core/net";
