import type { Connection, ConnectionEvents, Delivery, ParleyError, Transport } from "@parley/core";

/** The DID that the suite connects as. */
export const AGENT = "did:web:node.example:agent";

/** A connection with its inbox and its events. */
export class Agent implements ConnectionEvents {
  readonly disconnects: ParleyError[] = [];
  readonly faults: ParleyError[] = [];
  reconnects = 0;
  #connection: Connection | undefined;
  #inbox: AsyncIterator<Delivery> | undefined;
  #waiting: (() => void)[] = [];

  static async connect(transport: Transport, did: string | undefined = AGENT): Promise<Agent> {
    const agent = new Agent();
    agent.#connection = await transport.connect({ protocols: ["*"], events: agent, ...(did !== "" && { did }) });
    agent.#inbox = agent.#connection.deliveries[Symbol.asyncIterator]();
    return agent;
  }

  get connection(): Connection {
    if (this.#connection === undefined) throw new Error("not connected");
    return this.#connection;
  }

  /** The next delivery. Throws if the iteration has ended. */
  async next(): Promise<Delivery> {
    const result = await this.#inbox?.next();
    if (result === undefined || result.done === true) throw new Error("the deliveries have ended");
    return result.value;
  }

  /** Whether the iteration ends next. */
  async ended(): Promise<boolean> {
    return (await this.#inbox?.next())?.done === true;
  }

  onDisconnect(reason: ParleyError): void {
    this.disconnects.push(reason);
    this.#changed();
  }

  onReconnect(): void {
    this.reconnects += 1;
    this.#changed();
  }

  onFault(error: ParleyError): void {
    this.faults.push(error);
  }

  /** Resolves when the connection reports its `count`-th disconnect. */
  disconnected(count = 1): Promise<void> {
    return this.#until(() => this.disconnects.length >= count);
  }

  /** Resolves when the connection reports its `count`-th reconnect. */
  reconnected(count = 1): Promise<void> {
    return this.#until(() => this.reconnects >= count);
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
