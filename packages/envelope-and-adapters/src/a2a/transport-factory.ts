import type { AgentCard } from "@a2a-js/sdk";
import type { Transport, TransportFactory } from "@a2a-js/sdk/client";
import type { EnvelopePort } from "../port.ts";
import { checkAdapterOptions, checkPort } from "../internal/arguments.ts";
import { ChannelFetch, type A2aChannelClientOptions } from "./channel-fetch.ts";
import { A2A_CHANNEL_BINDING } from "./extension.ts";
import { loadSdk } from "./sdk.ts";

const KNOWN = ["peer", "peerKey", "timeoutMs", "maxCalls", "maxMessageBytes", "maxBufferedBytes", "onError"];

/**
 * Lets the official client call agents over a channel: one of the `transports` of its `ClientFactory`.
 *
 * A call that is under way when the link drops is answered after it is back; one that is made meanwhile fails with the port's error.
 * When the port ends for good, so do the calls. Leaving a stream, or aborting a call, tells the agent; a task goes on until `cancelTask`.
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
   * What carries the calls, as a fetch: `POST` of JSON-RPC to the URL of an agent's interface, and `GET` of its card. For the parts of the
   * SDK that take a `fetchImpl`, such as `DefaultAgentCardResolver`.
   */
  readonly fetch: typeof fetch;

  /** @throws TypeError this is no port, or an option that there isn't. */
  constructor(port: EnvelopePort, options: A2aChannelClientOptions = {}) {
    checkPort(port);
    checkAdapterOptions(options, KNOWN);
    this.#calls = new ChannelFetch(port, options);
    this.fetch = this.#calls.fetch;
  }

  /** {@link A2A_CHANNEL_BINDING}: which interfaces of a card this is for. */
  get protocolName(): string {
    return A2A_CHANNEL_BINDING;
  }

  /**
   * The transport to one agent. The official client calls it.
   *
   * @throws AdapterError `sdk_missing`.
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
