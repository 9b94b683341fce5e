export { SlimAdapter, type SlimAdapterOptions, type SlimMessage, type SlimPublishOptions } from "./slim-adapter.ts";

// Of the main entry point, for the types above
export type { Envelope } from "../envelope.ts";
export type { EnvelopeChannels, EnvelopePort, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "../port.ts";
export type { Protocol } from "../protocol.ts";
