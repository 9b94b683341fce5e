import { AdapterError } from "../adapter-error.ts";
import type { Envelope } from "../envelope.ts";
import { rejectedMessage } from "../internal/rejected-message.ts";
import { OrderedSender } from "../internal/ordered-sender.ts";
import { bestEffort } from "../internal/best-effort.ts";
import { partyOf, type Sender } from "../party.ts";
import type { EnvelopePort, ReceivedEnvelope } from "../port.ts";
import { Protocol } from "../protocol.ts";
import { mcpEnvelope, readMcpAddress, type McpAddress } from "./address.ts";
import { readJsonRpc, type JsonRpcMessage } from "./json-rpc.ts";
import { deliverJsonRpc } from "./deliver-json-rpc.ts";
import { CLOSE_TIMEOUT_MS, MAX_MESSAGE_BYTES, type SessionSink, type SessionConnection } from "./session.ts";
import { SessionTable, type SessionEntry, type McpServerLimits } from "./session-table.ts";

/** Limit of concurrent close notices and error responses to malformed messages. */
const MAX_BEST_EFFORT_SENDS = 1024;

/** Options of a {@link SessionListener}. */
export interface SessionListenerOptions extends McpServerLimits {
  readonly name?: string;
  readonly accepts?: (sender: string | undefined, senderKey: string | undefined) => boolean;
  readonly maxMessageBytes?: number;
}

/** A session that a client has opened. Call `connect` synchronously: messages before it are lost. */
export interface OpenedSession extends Sender {
  readonly id: string;
  connect(sink: SessionSink): SessionConnection;
}

/** Callbacks of a {@link SessionListener}. */
export interface SessionListenerEvents {
  onSession(session: OpenedSession): void;
  onFault(error: Error): void;
  onEnd(error?: Error): void;
}

/** The server's end of all sessions on a channel: opens sessions for clients and dispatches their messages. */
export class SessionListener {
  readonly #port: EnvelopePort;
  readonly #options: SessionListenerOptions;
  readonly #events: SessionListenerEvents;
  readonly #instance = crypto.randomUUID();
  readonly #stop = new AbortController();
  readonly #sessions: SessionTable;
  #bestEffortSends = 0;

  constructor(port: EnvelopePort, options: SessionListenerOptions, events: SessionListenerEvents) {
    this.#port = port;
    this.#options = options;
    this.#events = events;
    this.#sessions = new SessionTable(options, (entry) => this.#evict(entry));
    void this.#readPort(port.receive({ protocol: Protocol.MCP, signal: this.#stop.signal }));
  }

  /** Ends all sessions and notifies their clients. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    const ended = this.#sessions.clear();
    for (const { sink } of ended) sink?.end();
    await Promise.all(ended.map(({ id }) => this.#sendClose(id)));
  }

  async #readPort(inbound: AsyncIterable<ReceivedEnvelope>): Promise<void> {
    let failure: Error | undefined;
    try {
      for await (const received of inbound) this.#receive(received);
    } catch (error) {
      failure = error instanceof Error ? error : new AdapterError("closed", "The port failed", { cause: error });
    }
    for (const { sink } of this.#sessions.clear()) sink?.end(failure);
    this.#events.onEnd(failure);
  }

  #receive(received: ReceivedEnvelope): void {
    const { envelope, sender, senderKey } = received;
    try {
      const address = readMcpAddress(envelope);
      if (address.role !== "client") return;
      const entry = this.#sessions.get(address.session);
      if (entry !== undefined && entry.party !== partyOf({ sender, senderKey })) {
        throw new AdapterError("sender_mismatch", "A party sent a message in another party's MCP session");
      }
      if (!this.#isForUs(address, entry)) return;
      this.#handle(address, received, entry);
    } catch (error) {
      this.#events.onFault(error as Error);
    }
  }

  #isForUs({ session, server, instance }: McpAddress, entry: SessionEntry | undefined): boolean {
    const otherName = server !== undefined && server !== this.#options.name;
    const otherRun = instance !== undefined && instance !== this.#instance;
    if (!otherName && !otherRun) return true;
    // The client has connected to another server.
    if (entry !== undefined) {
      this.#sessions.delete(session);
      entry.sink?.end();
    } else if (!otherName && server !== undefined) {
      // The session belongs to an earlier run of this server.
      void this.#sendClose(session);
    }
    return false;
  }

  #handle(address: McpAddress, received: ReceivedEnvelope, entry: SessionEntry | undefined): void {
    const { session, event } = address;
    const { payload } = received.envelope;
    const sender: Sender = { sender: received.sender, senderKey: received.senderKey };
    if (event === "close") {
      this.#sessions.delete(session);
      entry?.sink?.end();
      return;
    }
    if (entry === undefined && event !== "open") {
      void this.#sendClose(session);
      return;
    }
    const { maxMessageBytes = MAX_MESSAGE_BYTES } = this.#options;
    const reply = (answer: Uint8Array): void => void this.#sendBestEffort(mcpEnvelope(this.#address(session), answer));
    if (entry?.sink !== undefined) {
      this.#sessions.touch(entry);
      deliverJsonRpc(payload, { maxBytes: maxMessageBytes, sink: entry.sink, source: received, reply });
      return;
    }
    let message: JsonRpcMessage;
    try {
      message = readJsonRpc(payload, maxMessageBytes);
    } catch (error) {
      const rejected = error instanceof AdapterError ? rejectedMessage(payload, error).reply : undefined;
      if (rejected !== undefined && this.#accepts(sender)) reply(new TextEncoder().encode(JSON.stringify(rejected)));
      throw error;
    }
    const open = this.#open(session, sender);
    this.#sessions.touch(open);
    open.sink?.message(message, payload.length, received);
  }

  #accepts({ sender, senderKey }: Sender): boolean {
    return this.#options.accepts?.(sender, senderKey) !== false;
  }

  #open(id: string, sender: Sender): SessionEntry {
    if (!this.#accepts(sender)) {
      void this.#sendClose(id);
      throw new AdapterError("sender_mismatch", "A party that is not allowed to use this server tried to open a session");
    }
    let entry: SessionEntry;
    try {
      entry = this.#sessions.add(id, partyOf(sender));
    } catch (error) {
      void this.#sendClose(id);
      throw error;
    }
    this.#events.onSession({ ...sender, id, connect: (sink) => this.#connect(id, entry, sink) });
    return entry;
  }

  #connect(id: string, entry: SessionEntry, sink: SessionSink): SessionConnection {
    entry.sink = sink;
    const orderedSender = new OrderedSender(this.#port, entry.ended.signal);
    return {
      open() {},
      sendEventually: (payload) => {
        this.#sessions.touch(entry);
        return orderedSender.send(mcpEnvelope(this.#address(id), payload));
      },
      send: (payload, signal) => {
        this.#sessions.touch(entry);
        return this.#port.send(mcpEnvelope(this.#address(id), payload), signal === undefined ? {} : { signal });
      },
      close: async () => {
        if (this.#sessions.get(id) !== entry) return;
        this.#sessions.delete(id);
        await this.#sendClose(id);
      },
    };
  }

  #evict({ id, sink }: SessionEntry): void {
    sink?.end(new AdapterError("session_ended", "The session was idle for too long, or its client has opened too many sessions"));
    void this.#sendClose(id);
  }

  #address(session: string): McpAddress {
    const { name } = this.#options;
    return { session, role: "server", ...(name === undefined ? {} : { server: name }), instance: this.#instance };
  }

  /** Close notices are limited, because any member can cause them. Without one, the client detects the end by a timeout. */
  #sendClose(session: string): Promise<void> {
    return this.#sendBestEffort(mcpEnvelope({ ...this.#address(session), event: "close" }, new Uint8Array()));
  }

  async #sendBestEffort(envelope: Envelope): Promise<void> {
    if (this.#bestEffortSends >= MAX_BEST_EFFORT_SENDS) return;
    this.#bestEffortSends += 1;
    await bestEffort(CLOSE_TIMEOUT_MS, (signal) => this.#port.send(envelope, { signal }));
    this.#bestEffortSends -= 1;
  }
}
