// Agent2Agent over channels. The official SDK, `@a2a-js/sdk`, is an optional peer dependency.
export {
  A2aAdapter,
  a2aChannelInterface,
  A2aChannelTransportFactory,
  displayNameOf,
  readA2aMessage,
  serveA2a,
  writeA2aMessage,
  type A2aAdapterOptions,
  type A2aChannelClientOptions,
  type A2aPartInput,
  type A2aSendOptions,
  type A2aServeOptions,
  type A2aServing,
  type ReceivedA2aMessage,
  type ReceivedA2aPart,
} from "@parley/envelope-and-adapters/a2a";
export { AdapterError, type AdapterErrorCode } from "@parley/envelope-and-adapters";
