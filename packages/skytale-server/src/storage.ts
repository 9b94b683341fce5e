// What a server keeps, behind interfaces, and the implementations of them.
export type { Registry, RegistryChange, RegistryEntry, RegistryListOptions } from "./registry/registry.ts";
export { RegistryError, type RegistryErrorCode } from "./registry/registry-error.ts";
export { MemoryRegistry } from "./registry/memory-registry.ts";
export { StoredRegistry } from "./registry/stored-registry.ts";
