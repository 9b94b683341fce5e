import { AdapterError } from "../adapter-error.ts";
import type { Envelope } from "../envelope.ts";
import { rejectedMessage } from "../internal/rejected-message.ts";
import { Outbox } from "../internal/outbox.ts";
import { settleWithin } from "../internal/settle.ts";
import { partyOf, type Sender } from "../party.ts";
import type { EnvelopePort, ReceivedEnvelope } from "../port.ts";
import { Protocol } from "../protocol.ts";
import { mcpEnvelope, readMcpAddress, type McpAddress } from "./address.ts";
import { readJsonRpc, type JsonRpcMessage } from "./json-rpc.ts";
import { takeJsonRpc } from "./take-json-rpc.ts";
import { FAREWELL_MS, MAX_MESSAGE_BYTES, type SessionSink, type SessionWire } from "./session.ts";
import { SessionTable, type Entry, type SessionTableOptions } from "./session-table.ts";

/** Farewells, and answers to what can't be read, that are on their way at the same time. */
const MAX_COURTESIES = 1024;

/** Options of a {@link SessionListener}. */
export interface SessionListenerOptions extends SessionTableOptions {
  readonly name?: string;
  readonly accepts?: (sender: string | undefined, senderKey: string | undefined) => boolean;
  readonly maxMessageBytes?: number;
}

/** A session that a client has opened. Its messages are lost until it is connected, so that is to be done at once. */
export interface OpenedSession extends Sender {
  readonly id: string;
  connect(sink: SessionSink): SessionWire;
}

/** What a {@link SessionListener} reports. */
export interface SessionListenerEvents {
  onSession(session: OpenedSession): void;
  onFault(error: Error): void;
  onEnd(error?: Error): void;
}

/** A server's side of a channel: opens sessions for clients, and hands each what its client sends. */
export class SessionListener {
  readonly #port: EnvelopePort;
  readonly #options: SessionListenerOptions;
  readonly #events: SessionListenerEvents;
  readonly #instance = crypto.randomUUID();
  readonly #stop = new AbortController();
  readonly #sessions: SessionTable;
  #courtesies = 0;

  constructor(port: EnvelopePort, options: SessionListenerOptions, events: SessionListenerEvents) {
    this.#port = port;
    this.#options = options;
    this.#events = events;
    this.#sessions = new SessionTable(options, (id, entry) => this.#evict(id, entry));
    void this.#pump(port.receive({ protocol: Protocol.MCP, signal: this.#stop.signal }));
  }

  /** Ends all sessions and tells their clients. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    const ended = this.#sessions.clear();
    for (const [, { sink }] of ended) sink?.end();
    await Promise.all(ended.map(([id]) => this.#sayGoodbye(id)));
  }

  async #pump(inbound: AsyncIterable<ReceivedEnvelope>): Promise<void> {
    let failure: Error | undefined;
    try {
      for await (const received of inbound) this.#receive(received);
    } catch (error) {
      failure = error instanceof Error ? error : new AdapterError("closed", "The port failed", { cause: error });
    }
    for (const [, { sink }] of this.#sessions.clear()) sink?.end(failure);
    this.#events.onEnd(failure);
  }

  #receive({ envelope, sender, senderKey }: ReceivedEnvelope): void {
    try {
      const address = readMcpAddress(envelope);
      if (address.role !== "client") return;
      const entry = this.#sessions.get(address.session);
      if (entry !== undefined && entry.party !== partyOf({ sender, senderKey })) {
        throw new AdapterError("sender_mismatch", "A party wrote in the name of another's MCP session");
      }
      if (!this.#isForUs(address, entry)) return;
      this.#handle(address, envelope.payload, { sender, senderKey }, entry);
    } catch (error) {
      this.#events.onFault(error as Error);
    }
  }

  #isForUs({ session, server, instance }: McpAddress, entry: Entry | undefined): boolean {
    const otherName = server !== undefined && server !== this.#options.name;
    const otherRun = instance !== undefined && instance !== this.#instance;
    if (!otherName && !otherRun) return true;
    // Its client has chosen another server.
    if (entry !== undefined) {
      this.#sessions.delete(session);
      entry.sink?.end();
    } else if (!otherName && server !== undefined) {
      // The client talks to an earlier run of this server.
      void this.#sayGoodbye(session);
    }
    return false;
  }

  #handle(address: McpAddress, payload: Uint8Array, sender: Sender, entry: Entry | undefined): void {
    const { session, event } = address;
    if (event === "close") {
      this.#sessions.delete(session);
      entry?.sink?.end();
      return;
    }
    if (entry === undefined && event !== "open") {
      void this.#sayGoodbye(session);
      return;
    }
    const { maxMessageBytes = MAX_MESSAGE_BYTES } = this.#options;
    const reply = (answer: Uint8Array): void => void this.#courtesy(mcpEnvelope(this.#address(session), answer));
    if (entry?.sink !== undefined) {
      this.#sessions.touch(entry);
      takeJsonRpc(payload, maxMessageBytes, entry.sink, reply);
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
    open.sink?.message(message, payload.length);
  }

  #accepts({ sender, senderKey }: Sender): boolean {
    return this.#options.accepts?.(sender, senderKey) !== false;
  }

  #open(id: string, sender: Sender): Entry {
    if (!this.#accepts(sender)) {
      void this.#sayGoodbye(id);
      throw new AdapterError("sender_mismatch", "A party that may not use this server has tried to");
    }
    let entry: Entry;
    try {
      entry = this.#sessions.add(id, partyOf(sender));
    } catch (error) {
      void this.#sayGoodbye(id);
      throw error;
    }
    this.#events.onSession({ ...sender, id, connect: (sink) => this.#connect(id, entry, sink) });
    return entry;
  }

  #connect(id: string, entry: Entry, sink: SessionSink): SessionWire {
    entry.sink = sink;
    const outbox = new Outbox(this.#port, entry.over.signal);
    return {
      open() {},
      sendEventually: (payload) => {
        this.#sessions.touch(entry);
        return outbox.send(mcpEnvelope(this.#address(id), payload));
      },
      send: (payload, signal) => {
        this.#sessions.touch(entry);
        return this.#port.send(mcpEnvelope(this.#address(id), payload), signal === undefined ? {} : { signal });
      },
      close: async () => {
        if (this.#sessions.get(id) !== entry) return;
        this.#sessions.delete(id);
        await this.#sayGoodbye(id);
      },
    };
  }

  #evict(id: string, { sink }: Entry): void {
    sink?.end(new AdapterError("session_ended", "The session was idle for too long, or its client has opened too many"));
    void this.#sayGoodbye(id);
  }

  #address(session: string): McpAddress {
    const { name } = this.#options;
    return { session, role: "server", ...(name === undefined ? {} : { server: name }), instance: this.#instance };
  }

  /** Those that strangers provoke are limited: whoever gets none finds out by a timeout. */
  #sayGoodbye(session: string): Promise<void> {
    return this.#courtesy(mcpEnvelope({ ...this.#address(session), event: "close" }, new Uint8Array()));
  }

  async #courtesy(envelope: Envelope): Promise<void> {
    if (this.#courtesies >= MAX_COURTESIES) return;
    this.#courtesies += 1;
    await settleWithin(FAREWELL_MS, (signal) => this.#port.send(envelope, { signal }));
    this.#courtesies -= 1;
  }
}
