export { createMemoryChannels, type MemoryChannels } from "./memory-channels.ts";
export { createMemoryPorts, type MemoryPort } from "./memory-port.ts";
