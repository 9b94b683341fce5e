import type { AgentCard } from "@a2a-js/sdk";
import type { Transport, TransportFactory } from "@a2a-js/sdk/client";
import type { EnvelopePort } from "../port.ts";
import { checkAdapterOptions, checkPort } from "../internal/arguments.ts";
import { ChannelFetch, type A2aChannelClientOptions } from "./channel-fetch.ts";
import { A2A_CHANNEL_BINDING } from "./extension.ts";
import { loadSdk } from "./sdk.ts";

const KNOWN = ["peer", "peerKey", "timeoutMs", "maxCalls", "maxMessageBytes", "maxBufferedBytes", "telemetry", "onError"];

/**
 * Connects the official client to agents over a channel: one of the `transports` of its `ClientFactory`.
 *
 * After a lost connection is restored, pending calls are answered. A call that is made while the connection is down fails with the port's error.
 * When the port ends, all calls fail. Leaving a stream or aborting a call notifies the agent; a task continues until `cancelTask`.
 *
 * @example
 * ```ts
 * import { ClientFactory } from "@a2a-js/sdk/client";
 * import type { AgentCard } from "@a2a-js/sdk";
 * import type { EnvelopePort } from "@parley/envelope-and-adapters";
 * import { A2aChannelTransportFactory } from "@parley/envelope-and-adapters/a2a";
 *
 * async function connect(port: EnvelopePort, card: AgentCard) {
 *   const factory = new ClientFactory({ transports: [new A2aChannelTransportFactory(port)] });
 *   return factory.createFromAgentCard(card);
 * }
 * ```
 */
export class A2aChannelTransportFactory implements TransportFactory, AsyncDisposable {
  readonly #calls: ChannelFetch;
  /**
   * A `fetch` over the channel: `POST` of JSON-RPC to the URL of an agent's interface, and `GET` of its card. For parts of the SDK with an option
   * `fetchImpl`, such as `DefaultAgentCardResolver`.
   */
  readonly fetch: typeof fetch;

  /** @throws TypeError an argument or option is invalid */
  constructor(port: EnvelopePort, options: A2aChannelClientOptions = {}) {
    checkPort(port);
    checkAdapterOptions(options, KNOWN);
    this.#calls = new ChannelFetch(port, options);
    this.fetch = this.#calls.fetch;
  }

  /** {@link A2A_CHANNEL_BINDING}, which selects the interfaces of an agent card. */
  get protocolName(): string {
    return A2A_CHANNEL_BINDING;
  }

  /**
   * Creates the transport to one agent. Called by the official client.
   *
   * @throws AdapterError `sdk_missing`
   */
  async create(url: string, agentCard: AgentCard): Promise<Transport> {
    const { client } = await loadSdk();
    return new client.JsonRpcTransportFactory({ fetchImpl: this.fetch }).create(url, agentCard);
  }

  /** Ends all calls and stops listening. Idempotent. */
  async close(): Promise<void> {
    this.#calls.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
