export { createMemoryChannels, type MemoryChannels } from "./memory-channels.ts";
export { createMemoryPorts, type MemoryPort } from "./memory-port.ts";

// Of the main entry point, for the types above
export type { Envelope } from "../envelope.ts";
export type { EnvelopeChannels, EnvelopePort, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "../port.ts";
export type { Protocol } from "../protocol.ts";
