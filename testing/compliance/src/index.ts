export { transportCompliance } from "./transport-compliance.ts";
export type { HarnessAbility, TransportHarness } from "./transport-harness.ts";
export { registryCompliance, type RegistryHarness } from "./registry-compliance.ts";
