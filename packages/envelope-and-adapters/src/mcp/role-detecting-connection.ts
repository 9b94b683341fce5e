import { isJsonObject } from "@parley/core";
import { AsyncQueue } from "@parley/core/internal";
import { AdapterError } from "../adapter-error.ts";
import type { EnvelopePort, ReceivedEnvelope } from "../port.ts";
import { Protocol } from "../protocol.ts";
import type { SessionConnection } from "./session.ts";

/** Creates the connection of each role. */
interface Roles {
  client(port: EnvelopePort): SessionConnection;
  server(port: EnvelopePort): SessionConnection;
  /** Called if the channel ends before the role is known. */
  end(error?: Error): void;
}

/**
 * An end of a session without a configured role: the end that writes first is the client, and an end that receives a message before it writes
 * is the server. So two ends without a role can connect, as with the Python SDK's transport.
 */
export class RoleDetectingConnection implements SessionConnection {
  readonly #port: EnvelopePort;
  readonly #roles: Roles;
  readonly #stop = new AbortController();
  /** Received envelopes for the connection of the role. */
  readonly #inbound = new AsyncQueue<ReceivedEnvelope>();
  #connection: SessionConnection | undefined;

  constructor(port: EnvelopePort, roles: Roles) {
    this.#port = port;
    this.#roles = roles;
  }

  open(): void {
    void this.#readPort();
  }

  send(payload: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    return this.#connectionAs("client").send(payload, signal);
  }

  sendEventually(payload: Uint8Array): Promise<void> {
    return this.#connectionAs("client").sendEventually(payload);
  }

  async close(): Promise<void> {
    await this.#connection?.close();
    this.#stop.abort();
  }

  #connectionAs(role: "client" | "server"): SessionConnection {
    if (this.#connection !== undefined) return this.#connection;
    const port: EnvelopePort = {
      send: (envelope, options) => this.#port.send(envelope, options),
      receive: (options) => this.#received(options?.signal),
    };
    this.#connection = this.#roles[role](port);
    this.#connection.open();
    return this.#connection;
  }

  /** Called once by the connection of the role. Its signal also stops reading from the port. */
  async *#received(signal: AbortSignal | undefined): AsyncGenerator<ReceivedEnvelope, undefined> {
    signal?.addEventListener("abort", () => this.#stop.abort(), { once: true });
    yield* { [Symbol.asyncIterator]: () => this.#inbound[Symbol.asyncIterator]() };
    return undefined;
  }

  async #readPort(): Promise<void> {
    try {
      for await (const received of this.#port.receive({ protocol: Protocol.MCP, signal: this.#stop.signal })) await this.#receive(received);
      this.#inbound.end();
      if (this.#connection === undefined) this.#roles.end();
    } catch (error) {
      this.#inbound.fail(error);
      if (this.#connection === undefined)
        this.#roles.end(error instanceof Error ? error : new AdapterError("closed", "The port failed", { cause: error }));
    }
  }

  async #receive(received: ReceivedEnvelope): Promise<void> {
    if (this.#connection === undefined) {
      if (!isOpening(received)) return;
      // An official client writes its first message directly after its start. Wait for that, so that earlier messages of another client don't
      // make this end a server.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (this.#stop.signal.aborted) return;
      this.#connectionAs("server");
    }
    this.#inbound.push(received);
  }
}

function isOpening({ envelope }: ReceivedEnvelope): boolean {
  const address = envelope.metadata?.["mcp"];
  return isJsonObject(address) && address["role"] === "client" && address["event"] === "open";
}
