export { A2aAdapter, type A2aAdapterOptions, type A2aSendOptions, type ReceivedA2aMessage } from "./adapter.ts";
export { readMessage as readA2aMessage, writeMessage as writeA2aMessage } from "./message.ts";
export type { A2aPartInput, ReceivedA2aPart } from "./part.ts";
export { a2aChannelInterface } from "./extension.ts";
export { displayNameOf } from "./channel-user.ts";
export { A2aChannelTransportFactory } from "./transport-factory.ts";
export type { A2aChannelClientOptions } from "./channel-fetch.ts";
export { serveA2a, type A2aServing } from "./serve-a2a.ts";
export type { A2aServeOptions } from "./call-listener.ts";

// Of the main entry point, for the types above
export type { Envelope } from "../envelope.ts";
export type { EnvelopeChannels, EnvelopePort, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "../port.ts";
export type { Protocol } from "../protocol.ts";
