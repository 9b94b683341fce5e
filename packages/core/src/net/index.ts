import "../supported-node.ts";
// For Node only. Shared by Parley's own packages. No promise of stability to anyone else.
export { HttpConnections, type HttpConnectionsOptions, type HttpRequest } from "./http-connections.ts";
export { isHttpParserError, readJsonResponse, type JsonResponse } from "./json-response.ts";
export type { TlsOptions } from "./tls-options.ts";
