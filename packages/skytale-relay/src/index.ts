// For applications
export { RelayClient, type PublishOptions, type WaitOptions } from "./relay-client.ts";
export type { Published } from "./publisher.ts";
export type { RelayClientEvents, RelayClientLimits, RelayClientOptions } from "./relay-client-options.ts";
export type { ChannelHead, MessageRange, RelayWelcome } from "./unary-calls.ts";
export type { Kind } from "./kind.ts";
export type { PublishMessage, PublishWelcome } from "./outgoing-message.ts";
export { type RelayMessage, sequenceAfter } from "./relay-message.ts";
export type { SubscribeOptions, Subscription } from "./subscription.ts";
export type { TokenProvider } from "./token-source.ts";
export { EpochTakenError, RangeGoneError, RelayError, type RelayErrorCode } from "./relay-error.ts";

// For relays, and other wires to them
export { connectInMemory } from "./memory-transport.ts";
export type { CallOptions, FrameListener, FrameStream, RelayHandler, RelayTransport, UnaryMethod } from "./transport.ts";
