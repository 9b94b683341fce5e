import { AdapterError } from "../adapter-error.ts";
import { Outbox } from "../internal/outbox.ts";
import { settleWithin } from "../internal/settle.ts";
import { type ExpectedPeer, isPeer, partyOf, type Sender } from "../party.ts";
import type { EnvelopePort, ReceivedEnvelope } from "../port.ts";
import { Protocol } from "../protocol.ts";
import { mcpEnvelope, readMcpAddress, type McpAddress } from "./address.ts";
import { takeJsonRpc } from "./take-json-rpc.ts";
import { FAREWELL_MS, MAX_MESSAGE_BYTES, type SessionSink, type SessionWire } from "./session.ts";

interface ClientWireOptions extends ExpectedPeer {
  readonly server?: string;
  readonly maxMessageBytes?: number;
}

/** The server that has answered. */
interface Bond {
  readonly party: string | undefined;
  readonly instance: string;
  readonly server: string | undefined;
}

/** A client's side of a session: finds a server, stays with it. */
export class ClientWire implements SessionWire {
  readonly #port: EnvelopePort;
  readonly #options: ClientWireOptions;
  readonly #sink: SessionSink;
  readonly #session = crypto.randomUUID();
  readonly #stop = new AbortController();
  readonly #outbox: Outbox;
  #opened = false;
  #bond: Bond | undefined;

  constructor(port: EnvelopePort, options: ClientWireOptions, sink: SessionSink) {
    this.#port = port;
    this.#options = options;
    this.#sink = sink;
    this.#outbox = new Outbox(port, this.#stop.signal);
  }

  open(): void {
    this.#opened = true;
    void this.#pump(this.#port.receive({ protocol: Protocol.MCP, signal: this.#stop.signal }));
  }

  send(payload: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const envelope = mcpEnvelope(this.#address(), payload);
    return this.#port.send(envelope, signal === undefined ? {} : { signal });
  }

  sendEventually(payload: Uint8Array): Promise<void> {
    return this.#outbox.send(mcpEnvelope(this.#address(), payload));
  }

  async close(): Promise<void> {
    this.#stop.abort(new AdapterError("closed", "The MCP session is closed"));
    if (!this.#opened) return;
    const farewell = mcpEnvelope({ ...this.#address(), event: "close" }, new Uint8Array());
    await settleWithin(FAREWELL_MS, (signal) => this.#port.send(farewell, { signal }));
  }

  #address(): McpAddress {
    const server = this.#bond?.server ?? this.#options.server;
    return {
      session: this.#session,
      role: "client",
      ...(server === undefined ? {} : { server }),
      ...(this.#bond === undefined ? { event: "open" } : { instance: this.#bond.instance }),
    };
  }

  async #pump(inbound: AsyncIterable<ReceivedEnvelope>): Promise<void> {
    try {
      for await (const received of inbound) this.#receive(received);
      this.#sink.end();
    } catch (error) {
      this.#sink.end(error instanceof Error ? error : new AdapterError("closed", "The port failed", { cause: error }));
    }
  }

  #receive({ envelope, sender, senderKey }: ReceivedEnvelope): void {
    try {
      const address = readMcpAddress(envelope);
      if (address.role !== "server" || address.session !== this.#session) return;
      if (!this.#isFromOurServer(address, { sender, senderKey })) return;
      if (address.event === "close") this.#leave();
      else this.#read(envelope.payload);
    } catch (error) {
      this.#sink.fault(error as Error);
    }
  }

  #read(payload: Uint8Array): void {
    const { maxMessageBytes = MAX_MESSAGE_BYTES } = this.#options;
    takeJsonRpc(payload, maxMessageBytes, this.#sink, (reply) => void this.sendEventually(reply).catch(() => undefined));
  }

  #isFromOurServer({ server, instance = "", event }: McpAddress, sender: Sender): boolean {
    const { server: asked } = this.#options;
    if (asked !== undefined && server !== asked) return false;
    const party = partyOf(sender);
    if (this.#bond === undefined ? !isPeer(this.#options, sender) : party !== this.#bond.party) {
      // A second server that answered the first messages is no impostor; it learns from the next ones that it was not chosen.
      if (this.#bond !== undefined && instance !== this.#bond.instance) return false;
      throw new AdapterError("sender_mismatch", "A message for this session came from a party that is not its server");
    }
    // A later run of our server knows nothing of this session, and says so.
    if (this.#bond !== undefined && instance !== this.#bond.instance) return event === "close" && server === this.#bond.server;
    this.#bond ??= { party, instance, server };
    return true;
  }

  #leave(): void {
    const ended = new AdapterError("session_ended", "The server has ended the session, or does not know it");
    this.#stop.abort(ended);
    this.#sink.end(ended);
  }
}
