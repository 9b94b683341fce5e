// For applications
export { AdapterError, type AdapterErrorCode } from "./adapter-error.ts";
export { Envelope } from "./envelope.ts";
export { EnvelopeError, type EnvelopeErrorCode } from "./envelope-error.ts";
export { Protocol } from "./protocol.ts";

// For channel layers and adapters
export { EnvelopeFanOut } from "./envelope-fan-out.ts";
export type { EnvelopeKeeper } from "./internal/delivery-state.ts";
export type { EnvelopeChannels, EnvelopePort, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "./port.ts";
export { PortError, type PortErrorCode } from "./port-error.ts";
