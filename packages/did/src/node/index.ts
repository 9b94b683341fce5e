export { classifyAddress, type AddressKind } from "./classify-address.ts";
export { createAddressGuard, type AddressGuard, type AddressGuardOptions } from "./address-guard.ts";
export { createNodeFetch, type NodeFetchOptions } from "./node-fetch.ts";
export type { DidFetch, DidFetchRequest, DidFetchResponse } from "../did-fetch.ts";
