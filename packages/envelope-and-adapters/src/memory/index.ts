export { createMemoryChannels, type MemoryChannels } from "./memory-channels.ts";
export { createMemoryPorts, type MemoryPort, type MemoryPortOptions } from "./memory-port.ts";
