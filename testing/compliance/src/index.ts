export { groupStoreCompliance } from "./group-store-compliance.ts";
export type { GroupStoreAbility, GroupStoreHarness } from "./group-store-harness.ts";
export { transportCompliance } from "./transport-compliance.ts";
export type { HarnessAbility, TransportHarness } from "./transport-harness.ts";
export { registryCompliance, type RegistryHarness } from "./registry-compliance.ts";
export { channelLogCompliance, type ChannelLogHarness } from "./channel-log-compliance.ts";
export { welcomeStoreCompliance, type WelcomeStoreHarness } from "./welcome-store-compliance.ts";
export { portCompliance } from "./port-compliance.ts";
export type { PortHarness } from "./port-harness.ts";
