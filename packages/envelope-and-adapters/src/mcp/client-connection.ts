import { AdapterError } from "../adapter-error.ts";
import { OrderedSender } from "../internal/ordered-sender.ts";
import { bestEffort } from "../internal/best-effort.ts";
import { type ExpectedPeer, isPeer, partyOf, type Sender } from "../party.ts";
import type { EnvelopePort, ReceivedEnvelope } from "../port.ts";
import { Protocol } from "../protocol.ts";
import { mcpEnvelope, readMcpAddress, type McpAddress } from "./address.ts";
import { deliverJsonRpc } from "./deliver-json-rpc.ts";
import { CLOSE_TIMEOUT_MS, MAX_MESSAGE_BYTES, type SessionSink, type SessionConnection } from "./session.ts";

interface ClientConnectionOptions extends ExpectedPeer {
  readonly server?: string;
  readonly maxMessageBytes?: number;
}

/** The server that has answered first. */
interface ServerBinding {
  readonly party: string | undefined;
  readonly instance: string;
  readonly server: string | undefined;
}

/** The client's end of a session. The first server that answers becomes its server. */
export class ClientConnection implements SessionConnection {
  readonly #port: EnvelopePort;
  readonly #options: ClientConnectionOptions;
  readonly #sink: SessionSink;
  readonly #session = crypto.randomUUID();
  readonly #stop = new AbortController();
  readonly #orderedSender: OrderedSender;
  #opened = false;
  #binding: ServerBinding | undefined;

  constructor(port: EnvelopePort, options: ClientConnectionOptions, sink: SessionSink) {
    this.#port = port;
    this.#options = options;
    this.#sink = sink;
    this.#orderedSender = new OrderedSender(port, this.#stop.signal);
  }

  open(): void {
    this.#opened = true;
    void this.#readPort(this.#port.receive({ protocol: Protocol.MCP, signal: this.#stop.signal }));
  }

  send(payload: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const envelope = mcpEnvelope(this.#address(), payload);
    return this.#port.send(envelope, signal === undefined ? {} : { signal });
  }

  sendEventually(payload: Uint8Array): Promise<void> {
    return this.#orderedSender.send(mcpEnvelope(this.#address(), payload));
  }

  async close(): Promise<void> {
    this.#stop.abort(new AdapterError("closed", "The MCP session is closed"));
    if (!this.#opened) return;
    const closing = mcpEnvelope({ ...this.#address(), event: "close" }, new Uint8Array());
    await bestEffort(CLOSE_TIMEOUT_MS, (signal) => this.#port.send(closing, { signal }));
  }

  #address(): McpAddress {
    const server = this.#binding?.server ?? this.#options.server;
    return {
      session: this.#session,
      role: "client",
      ...(server === undefined ? {} : { server }),
      ...(this.#binding === undefined ? { event: "open" } : { instance: this.#binding.instance }),
    };
  }

  async #readPort(inbound: AsyncIterable<ReceivedEnvelope>): Promise<void> {
    try {
      for await (const received of inbound) this.#receive(received);
      this.#sink.end();
    } catch (error) {
      this.#sink.end(error instanceof Error ? error : new AdapterError("closed", "The port failed", { cause: error }));
    }
  }

  #receive(received: ReceivedEnvelope): void {
    const { envelope, sender, senderKey } = received;
    try {
      const address = readMcpAddress(envelope);
      if (address.role !== "server" || address.session !== this.#session) return;
      if (!this.#checkSender(address, { sender, senderKey })) return;
      if (address.event === "close") this.#endByServer();
      else this.#read(envelope.payload, received);
    } catch (error) {
      this.#sink.fault(error as Error);
    }
  }

  #read(payload: Uint8Array, source: ReceivedEnvelope): void {
    const { maxMessageBytes: maxBytes = MAX_MESSAGE_BYTES } = this.#options;
    const reply = (answer: Uint8Array): void => void this.sendEventually(answer).catch(() => undefined);
    deliverJsonRpc(payload, { maxBytes, sink: this.#sink, source, reply });
  }

  #checkSender({ server, instance = "", event }: McpAddress, sender: Sender): boolean {
    const { server: wanted } = this.#options;
    if (wanted !== undefined && server !== wanted) return false;
    const party = partyOf(sender);
    if (this.#binding === undefined ? !isPeer(this.#options, sender) : party !== this.#binding.party) {
      // Another server can answer the first messages too. It is ignored rather than reported.
      if (this.#binding !== undefined && instance !== this.#binding.instance) return false;
      throw new AdapterError("sender_mismatch", "A party that is not the server sent a message in this session");
    }
    // After a restart, the server closes this session, which it does not know.
    if (this.#binding !== undefined && instance !== this.#binding.instance) return event === "close" && server === this.#binding.server;
    this.#binding ??= { party, instance, server };
    return true;
  }

  #endByServer(): void {
    const ended = new AdapterError("session_ended", "The server ended the session, or does not know it");
    this.#stop.abort(ended);
    this.#sink.end(ended);
  }
}
