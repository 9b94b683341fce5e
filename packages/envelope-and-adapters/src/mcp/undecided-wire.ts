import { isJsonObject } from "@parley/core";
import { AsyncQueue } from "@parley/core/internal";
import { AdapterError } from "../adapter-error.ts";
import type { EnvelopePort, ReceivedEnvelope } from "../port.ts";
import { Protocol } from "../protocol.ts";
import type { SessionWire } from "./session.ts";

/** What an {@link UndecidedWire} makes the wire of its role with. */
interface Roles {
  client(port: EnvelopePort): SessionWire;
  server(port: EnvelopePort): SessionWire;
  /** The channel has ended before the role was known. */
  end(error?: Error): void;
}

/**
 * An end of a session whose role is not given: the end that writes first is the client, and the one that a client writes to before it has
 * written anything is the server. So two ends that were told nothing find each other, as with the Python SDK's transport.
 */
export class UndecidedWire implements SessionWire {
  readonly #port: EnvelopePort;
  readonly #roles: Roles;
  readonly #stop = new AbortController();
  /** What the wire of the role receives. */
  readonly #inbound = new AsyncQueue<ReceivedEnvelope>();
  #wire: SessionWire | undefined;

  constructor(port: EnvelopePort, roles: Roles) {
    this.#port = port;
    this.#roles = roles;
  }

  open(): void {
    void this.#pump();
  }

  send(payload: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    return this.#decided("client").send(payload, signal);
  }

  sendEventually(payload: Uint8Array): Promise<void> {
    return this.#decided("client").sendEventually(payload);
  }

  async close(): Promise<void> {
    await this.#wire?.close();
    this.#stop.abort();
  }

  #decided(role: "client" | "server"): SessionWire {
    if (this.#wire !== undefined) return this.#wire;
    const port: EnvelopePort = {
      send: (envelope, options) => this.#port.send(envelope, options),
      receive: (options) => this.#received(options?.signal),
    };
    this.#wire = this.#roles[role](port);
    this.#wire.open();
    return this.#wire;
  }

  /** The wire of the role is the only one who receives: when it stops, so does this. */
  async *#received(signal: AbortSignal | undefined): AsyncGenerator<ReceivedEnvelope, undefined> {
    signal?.addEventListener("abort", () => this.#stop.abort(), { once: true });
    yield* { [Symbol.asyncIterator]: () => this.#inbound[Symbol.asyncIterator]() };
    return undefined;
  }

  async #pump(): Promise<void> {
    try {
      for await (const received of this.#port.receive({ protocol: Protocol.MCP, signal: this.#stop.signal })) await this.#receive(received);
      this.#inbound.end();
      if (this.#wire === undefined) this.#roles.end();
    } catch (error) {
      this.#inbound.fail(error);
      if (this.#wire === undefined)
        this.#roles.end(error instanceof Error ? error : new AdapterError("closed", "The port failed", { cause: error }));
    }
  }

  async #receive(received: ReceivedEnvelope): Promise<void> {
    if (this.#wire === undefined) {
      if (!isOpening(received)) return;
      // An official client writes its first message right after it has started: that comes before what another client has left here.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (this.#stop.signal.aborted) return;
      this.#decided("server");
    }
    this.#inbound.push(received);
  }
}

function isOpening({ envelope }: ReceivedEnvelope): boolean {
  const address = envelope.metadata?.["mcp"];
  return isJsonObject(address) && address["role"] === "client" && address["event"] === "open";
}
