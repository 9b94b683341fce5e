import {
  NodeTransportError,
  type Connection,
  type ConnectOptions,
  type Delivery,
  type JsonObject,
  type Outcome,
  type SendOptions,
  type SendReceipt,
  type Transport,
} from "@parley/core";
import { AsyncQueue } from "@parley/core/internal";

import { Client, type ClientOptions, type ErrorHandler, type SDKError } from "../src/index.ts";

export const ECHO = "https://layr8.io/protocols/echo/1.0/request";
export const ECHO_REPLY = "https://layr8.io/protocols/echo/1.0/response";
export const REPORT = "https://didcomm.org/report-problem/2.0/problem-report";
export const ALICE = "did:example:alice";
export const BOB = "did:example:bob";

export type Mode = Delivery["acknowledge"];
export const MODES: readonly Mode[] = ["first", "outcome"];

/** What came of one delivery. */
export interface Delivered {
  outcome: Outcome | undefined;
}

/** A node that a test controls: its deliveries, what it received, and its answers. */
export class FakeTransport implements Transport {
  readonly connections: FakeConnection[] = [];
  readonly attempts: ConnectOptions[] = [];
  takesOver = false;
  /** What `connect` does before it succeeds. */
  onConnect: (options: ConnectOptions) => Promise<void> = async () => {};

  async connect(options: ConnectOptions): Promise<Connection> {
    this.attempts.push(options);
    await this.onConnect(options);
    const connection = new FakeConnection(options);
    connection.tookOver = this.takesOver;
    this.connections.push(connection);
    return connection;
  }

  get connection(): FakeConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error("No agent is connected");
    return connection;
  }
}

export class FakeConnection implements Connection {
  readonly did: string;
  readonly events: ConnectOptions["events"];
  readonly deliveries: AsyncQueue<Delivery> = new AsyncQueue();
  readonly sent: JsonObject[] = [];
  connected = true;
  tookOver = false;
  clockOffsetMs = 0;
  closed = false;
  /** How the node answers what is sent to it. */
  onSend: (plaintext: JsonObject, options?: SendOptions) => Promise<SendReceipt | undefined | void> = async () => {};

  constructor(options: ConnectOptions) {
    this.did = options.did ?? "did:example:assigned";
    this.events = options.events;
  }

  async send(sent: JsonObject, options?: SendOptions): Promise<SendReceipt> {
    if (this.closed) throw new NodeTransportError("closed", "closed");
    if (!this.connected) throw new NodeTransportError("not_connected", "no link");
    this.sent.push(sent);
    return (await this.onSend(sent, options)) ?? {};
  }

  deliver(raw: unknown, mode: Mode = "outcome", context: unknown = {}): Delivered {
    const delivered: Delivered = { outcome: undefined };
    this.deliveries.push({
      plaintext: raw,
      context,
      acknowledge: mode,
      settle: (outcome) => {
        delivered.outcome ??= outcome;
      },
    });
    return delivered;
  }

  drop(): void {
    this.connected = false;
    this.events.onDisconnect(new NodeTransportError("disconnected", "the link broke"));
  }

  recover(): void {
    this.connected = true;
    this.events.onReconnect();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.connected = false;
    this.deliveries.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** An error handler that keeps what it gets. */
export function collectErrors(): { readonly errors: SDKError[]; readonly onError: ErrorHandler } {
  const errors: SDKError[] = [];
  return { errors, onError: (error) => void errors.push(error) };
}

/** A client on a fake node, not connected yet. */
export function setUp(options: ClientOptions = {}) {
  const transport = new FakeTransport();
  const { errors, onError } = collectErrors();
  const client = new Client({ agentDid: BOB, ...options, transport }, onError);
  return { transport, client, errors };
}

let count = 0;

/** A plaintext from Alice to Bob. */
export function plaintext(members: JsonObject = {}): JsonObject {
  return { id: `message-${++count}`, type: ECHO, from: ALICE, to: [BOB], body: {}, ...members };
}

/** Lets everything run that needs no outside event. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
