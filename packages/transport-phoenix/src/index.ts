export { PhoenixTransport } from "./phoenix-transport.ts";
export type { DidSpecOptions, LimitOptions, PhoenixTransportOptions, ReconnectOptions, TimeoutOptions, TlsOptions } from "./options.ts";
