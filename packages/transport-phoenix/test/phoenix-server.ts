import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";

export type RawFrame = [joinRef: string | null, ref: string | null, topic: string, event: string, payload: Record<string, unknown>];

/** Handles a client's frame; "default" leaves it to the server's ordinary behaviour. */
export type Behaviour = (frame: RawFrame, client: ServerClient) => "default" | "ignore" | void;

/** A client as the server sees it. */
export class ServerClient {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  /** Refs of the current joins, by topic. */
  readonly joins = new Map<string, string>();
  /** Neither reads nor answers, as behind a broken router. */
  silent = false;

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.socket = socket;
    this.request = request;
  }

  push(topic: string, event: string, payload: unknown): void {
    this.raw(JSON.stringify([this.joins.get(topic) ?? null, null, topic, event, payload]));
  }

  deliver(topic: string, plaintext: unknown): void {
    this.push(topic, "message", { context: { recipient: topic.slice("plugins:".length), authorized: true }, plaintext });
  }

  reply([joinRef, ref, topic]: RawFrame, status: string, response: unknown = {}): void {
    this.raw(JSON.stringify([joinRef, ref, topic, "phx_reply", { status, response }]));
  }

  raw(data: string | Buffer): void {
    if (!this.silent) this.socket.send(data);
  }

  /** Cuts the TCP connection. */
  drop(): void {
    this.socket.terminate();
  }

  blackHole(): void {
    this.silent = true;
    this.socket.pause();
  }
}

/** A bare Phoenix V2 server: grants every join, accepts every message, and misbehaves on demand. */
export class PhoenixServer {
  readonly #http = createServer();
  readonly #ws = new WebSocketServer({ noServer: true, handleProtocols: () => false });
  readonly #waiting = new Set<() => void>();
  readonly #sockets = new Set<Socket>();
  /** Upgrade requests, rejected ones too. */
  readonly upgrades: IncomingMessage[] = [];
  readonly clients: ServerClient[] = [];
  readonly frames: RawFrame[] = [];
  /** HTTP status to reject an upgrade with; `"hang"` never answers. */
  admit: (request: IncomingMessage) => number | "hang" | undefined = () => undefined;
  behaviour: Behaviour = () => "default";
  capabilities: unknown = ["reply_protocol/1"];
  /** The `Date` header of upgrades. */
  date: string | undefined;
  /** The largest batch that it accepts, in bytes; without one it knows no batches. */
  maxBatchBytes: number | undefined;
  /** WebSocket messages that have arrived. */
  messages = 0;
  #assigned = 0;
  #port = 0;

  static async start(port = 0): Promise<PhoenixServer> {
    const server = new PhoenixServer();
    await server.listen(port);
    return server;
  }

  constructor() {
    this.#ws.on("headers", (headers) => {
      if (this.date !== undefined) headers.push(`Date: ${this.date}`);
      if (this.maxBatchBytes !== undefined) headers.push(`x-frame-batch: ${this.maxBatchBytes}`);
    });
    this.#http.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#http.on("upgrade", (request, socket, head) => {
      this.upgrades.push(request);
      socket.on("error", () => {});
      const refusal = this.admit(request);
      if (refusal === undefined) {
        this.#ws.handleUpgrade(request, socket, head, (ws) => this.#accept(new ServerClient(ws, request)));
      } else if (refusal !== "hang") {
        socket.end(`HTTP/1.1 ${refusal} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      }
      this.#changed();
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/plugin_socket/websocket`;
  }

  get port(): number {
    return this.#port;
  }

  get listening(): boolean {
    return this.#http.listening;
  }

  /** The client that connected last. */
  get client(): ServerClient {
    const client = this.clients.at(-1);
    if (client === undefined) throw new Error("no client has connected");
    return client;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#http.listen(port, "127.0.0.1", resolve));
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  framesOf(event: string): RawFrame[] {
    return this.frames.filter((frame) => frame[3] === event);
  }

  /** Resolves once `condition` gives a value, looking again whenever something arrived. */
  async until<T>(condition: () => T | undefined | false): Promise<T> {
    for (;;) {
      const value = condition();
      if (value !== undefined && value !== false) return value;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** The `count`-th frame of an event. */
  async frame(event: string, count = 1): Promise<RawFrame> {
    return this.until(() => this.framesOf(event)[count - 1]);
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Looks again at what `until` waits for. */
  #changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }

  #accept(client: ServerClient): void {
    this.clients.push(client);
    client.socket.on("error", () => {});
    client.socket.on("close", () => this.#changed());
    client.socket.on("message", (data) => {
      this.messages += 1;
      for (const text of (data as Buffer).toString().split("\n")) {
        const frame = JSON.parse(text) as RawFrame;
        this.frames.push(frame);
        if (this.behaviour(frame, client) === "default") this.#behave(frame, client);
      }
      this.#changed();
    });
    this.#changed();
  }

  #behave(frame: RawFrame, client: ServerClient): void {
    const [joinRef, ref, topic, event] = frame;
    if (event === "phx_join") {
      client.joins.set(topic, String(ref));
      const did = topic === "plugins:" ? `did:web:node.example:ephemeral-${++this.#assigned}` : topic.slice("plugins:".length);
      client.reply(frame, "ok", { did, capabilities: this.capabilities });
    } else if (event === "phx_leave") {
      // As Phoenix does: a leave of no known join is ignored.
      if (client.joins.get(topic) !== joinRef) return;
      client.joins.delete(topic);
      client.reply(frame, "ok");
      client.raw(JSON.stringify([joinRef, null, topic, "phx_close", {}]));
    } else if (event === "message" || event === "heartbeat") {
      client.reply(frame, "ok");
    }
  }
}
