export { classifyAddress, type AddressKind } from "./address.ts";
export { createAddressGuard, type AddressGuard, type AddressGuardOptions } from "./address-guard.ts";
export { createNodeFetch, type NodeFetchOptions } from "./node-fetch.ts";
export type { DidFetch, DidFetchRequest, DidFetchResponse } from "../did-fetch.ts";
// Shared by Parley's own packages. No promise of stability to anyone else.
export { HttpConnections, type HttpConnectionsOptions, type HttpRequest } from "./http-connections.ts";
