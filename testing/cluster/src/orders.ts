import { setTimeout as delay } from "node:timers/promises";
import { Client, type ErrorHandler } from "layr8";
import { DOMAIN } from "./cluster.ts";
import { Ledger } from "./ledger.ts";

const CREATED = "https://layr8.io/protocols/order/1.0/created";
/** Time between two attempts to send a message, in milliseconds. */
const AGAIN_AFTER_MS = 100;

/** Options of {@link Orders.start}. */
export interface OrdersOptions {
  readonly nodeUrl: string;
  readonly apiKey: string;
  /** Number of pairs of a customer and a shop. */
  readonly pairs: number;
  /** Time between two orders of a customer, in milliseconds. Default 0. */
  readonly pauseMs?: number;
  /** Gets the errors of all agents. */
  readonly onError: ErrorHandler;
}

/** Customers that send orders one after the other, to shops whose handlers acknowledge them. An order is sent again until it is acknowledged. */
export class Orders implements AsyncDisposable {
  readonly ledger: Ledger = new Ledger();
  readonly #clients: readonly Client[];
  readonly #over = new AbortController();
  readonly #pauseMs: number;
  #sending: Promise<unknown> = Promise.resolve();

  private constructor(clients: readonly Client[], pauseMs: number) {
    this.#clients = clients;
    this.#pauseMs = pauseMs;
  }

  /** Connects all agents, and begins to send. */
  static async start({ pairs, pauseMs = 0, onError, ...endpoint }: OrdersOptions): Promise<Orders> {
    const newClient = (name: string): Client => new Client({ ...endpoint, agentDid: `did:web:${DOMAIN}:${name}` }, onError);
    const shops = Array.from({ length: pairs }, (_, index) => newClient(`shop-${index}`));
    const customers = Array.from({ length: pairs }, (_, index) => newClient(`customer-${index}`));
    const orders = new Orders([...shops, ...customers], pauseMs);
    try {
      for (const shop of shops) shop.handle(CREATED, (order) => (orders.ledger.handle(order.id), order.ack()), { manualAck: true });
      for (const client of orders.#clients) await client.connect();
      orders.#sending = Promise.all(customers.map((customer, index) => orders.#send(customer, index)));
      return orders;
    } catch (error) {
      await orders[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Sends no further orders. Resolves when the last ones are acknowledged. */
  async stop(): Promise<void> {
    this.#over.abort();
    await this.#sending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #send(customer: Client, index: number): Promise<void> {
    for (let number = 0; !this.#over.signal.aborted; number++) {
      const id = `${index}-${number}`;
      this.ledger.send(id);
      const order = { id, type: CREATED, to: `did:web:${DOMAIN}:shop-${index}`, body: {} };
      if (!(await sendUntilAcknowledged(customer, order))) return;
      this.ledger.acknowledge(id);
      if (this.#pauseMs > 0) await delay(this.#pauseMs);
    }
  }
}

/** @returns `false` if the client was closed before. */
async function sendUntilAcknowledged(client: Client, message: Parameters<Client["send"]>[0]): Promise<boolean> {
  for (;;) {
    try {
      await client.send(message);
      return true;
    } catch (error) {
      const { code } = error as { readonly code?: string };
      if (code === "client_closed") return false;
      // Permanently ended, such as by a node that could not read from NATS.
      if (code === "not_connected" && (error as { readonly reason?: string }).reason === "ended")
        await client.connect().catch(() => undefined);
      await delay(AGAIN_AFTER_MS);
    }
  }
}
