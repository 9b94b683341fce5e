export { createMemoryChannels, type MemoryChannels } from "./memory-channels.ts";
export { createMemoryPorts, type MemoryPort, type MemoryPortOptions } from "./memory-port.ts";

// Of the main entry point, for the types above
export type { Envelope } from "../envelope.ts";
export type { EnvelopeLimits } from "../envelope-codec.ts";
export type { BufferLimits } from "../internal/bounded-queue.ts";
export type { EnvelopeChannels, EnvelopePort, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "../port.ts";
export type { Protocol } from "../protocol.ts";
