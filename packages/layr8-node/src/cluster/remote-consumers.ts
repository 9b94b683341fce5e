import { isJsonObject, type JsonObject } from "@parley/core";
import type { ServerLinks } from "@parley/jetstream";
import type { Settlement } from "../routing/deliver/bound-mailbox.ts";
import type { Mailbox } from "../routing/deliver/mailbox.ts";
import { RemoteConsumer, type RemoteConnection } from "./remote-consumer.ts";

/** Options of {@link RemoteConsumers}. */
export interface RemoteConsumersOptions {
  readonly links: () => ServerLinks;
  /** Milliseconds on the monotonic clock. */
  readonly now: () => number;
  /** The connections of a DID have changed. */
  readonly onChanged: (did: string) => void;
}

/** The connections at other nodes that are bound to mailboxes of this one. */
export class RemoteConsumers {
  readonly #options: RemoteConsumersOptions;
  /** By server, and by their names there. */
  readonly #consumers = new Map<string, Map<number, RemoteConsumer>>();

  constructor(options: RemoteConsumersOptions) {
    this.#options = options;
  }

  find(server: string, id: unknown): RemoteConsumer | undefined {
    return typeof id === "number" ? this.#consumers.get(server)?.get(id) : undefined;
  }

  /** Adds a connection, which is not bound yet. One of the same name is removed: its node has repeated a call. */
  add(connection: RemoteConnection, mailbox: Mailbox): RemoteConsumer {
    const { server, id } = connection;
    this.#unbind(this.find(server, id));
    const consumer = new RemoteConsumer(connection, mailbox, this.#options.links(), this.#options.now);
    const ofServer = this.#consumers.get(server) ?? new Map<number, RemoteConsumer>();
    this.#consumers.set(server, ofServer.set(id, consumer));
    return consumer;
  }

  /** Handles a message of a connection's node. Returns whether it was one. */
  receive(server: string, message: JsonObject): boolean {
    const { t, c } = message;
    if (t !== "settle" && t !== "resume" && t !== "full" && t !== "redeliver" && t !== "unbind") return false;
    const consumer = this.find(server, c);
    if (consumer === undefined) return true;
    const { mailbox } = consumer;
    consumer.heard();
    if (t === "settle") settle(consumer, message);
    else if (t === "redeliver") mailbox.redeliver(consumer);
    else if (t === "unbind") this.#unbind(consumer, typeof message["closeCode"] === "number" ? message["closeCode"] : undefined);
    else {
      consumer.writable = t === "resume";
      if (consumer.writable) mailbox.resume(consumer);
    }
    return true;
  }

  /** A mailbox has moved to another node. */
  displace(consumer: RemoteConsumer): void {
    consumer.displace();
    this.#remove(consumer);
  }

  /** The link to a server broke, or the server has ended. */
  dropServer(server: string): void {
    for (const consumer of this.#consumers.get(server)?.values() ?? []) this.#unbind(consumer);
  }

  #unbind(consumer: RemoteConsumer | undefined, closeCode?: number): void {
    if (consumer === undefined) return;
    consumer.isEnded = true;
    this.#remove(consumer);
    consumer.mailbox.unbind(consumer, closeCode);
    this.#options.onChanged(consumer.mailbox.did);
  }

  #remove({ server, id }: RemoteConsumer): void {
    const ofServer = this.#consumers.get(server);
    if (ofServer?.delete(id) === true && ofServer.size === 0) this.#consumers.delete(server);
  }
}

const SETTLEMENTS: ReadonlySet<unknown> = new Set<Settlement>(["handled", "pass", "error"]);

function settle(consumer: RemoteConsumer, { id, settlement, failure }: JsonObject): void {
  if (!SETTLEMENTS.has(settlement)) return;
  const { code, message } = isJsonObject(failure) ? failure : {};
  consumer.mailbox.settle(consumer, typeof id === "string" ? id : undefined, settlement as Settlement, {
    ...(typeof code === "string" && { code }),
    ...(typeof message === "string" && { message }),
  });
}
