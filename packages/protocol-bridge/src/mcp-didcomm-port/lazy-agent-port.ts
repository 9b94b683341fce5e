import { lazily } from "@parley/core/lazily";
import type { Envelope, PortSendOptions, ReceivedEnvelope, ReceiveOptions } from "@parley/envelope-and-adapters";
import type { AgentPort } from "./agent-port.ts";
import type { McpDidcommClient, McpDidcommPort, McpDidcommSettings } from "./mcp-didcomm-client.ts";

const loadPort = lazily(() => import("./agent-port.ts"));

/** Loads the port, while the agent's handlers are registered at once. */
export class LazyAgentPort implements McpDidcommPort {
  readonly #loading: Promise<AgentPort>;
  #port: AgentPort | undefined;

  constructor(client: McpDidcommClient, settings: McpDidcommSettings) {
    client.handleProtocol(settings.base, async (message) => (await this.#loading).handle(message), {
      manualAck: true,
      reports: (report) => this.#port?.isOurs(report) === true,
    });
    this.#loading = this.#load(client, settings);
  }

  async send(envelope: Envelope, options?: PortSendOptions): Promise<void> {
    return (await this.#loading).send(envelope, options);
  }

  receive(options?: ReceiveOptions): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    const subscribed = this.#loading.then((port) => port.receive(options));
    // The iteration throws it.
    subscribed.catch(() => {});
    const iterator: AsyncIterableIterator<ReceivedEnvelope, undefined> = {
      next: async () => (await subscribed).next(),
      return: async () => (await (await subscribed).return?.()) ?? { done: true, value: undefined },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async close(): Promise<void> {
    return (await this.#loading).close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #load(client: McpDidcommClient, settings: McpDidcommSettings): Promise<AgentPort> {
    const { AgentPort: Port } = await loadPort();
    this.#port = new Port(client, settings);
    return this.#port;
  }
}
