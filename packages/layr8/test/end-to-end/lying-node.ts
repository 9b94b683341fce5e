import { once } from "node:events";
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "@parley/core";
import { WebSocket, WebSocketServer } from "ws";

/** Join ref, ref, topic, event, payload. */
export type Frame = [joinRef: string | null, ref: string | null, topic: string, event: string, payload: JsonObject];
/** What becomes of a frame: any number of frames in its place. */
export type Lie = (frame: Frame) => readonly Frame[];

/** A node that lies to its agents: a real one, behind a proxy that changes, drops, repeats and adds frames of its sockets. */
export class LyingNode {
  readonly #server: WebSocketServer;
  readonly #target: URL;
  readonly #links = new Set<WebSocket>();
  /** The text of all frames in both directions. */
  readonly frames: string[] = [];
  fromAgent: Lie = (frame) => [frame];
  fromNode: Lie = (frame) => [frame];

  private constructor(server: WebSocketServer, nodeUrl: string) {
    this.#server = server;
    this.#target = new URL(nodeUrl);
    server.on("connection", (agent, upgrade) => this.#link(agent, upgrade));
  }

  /** @param answersRest whether its REST calls are those of the node. Default: it has none. */
  static async listen(nodeUrl: string, { answersRest = false } = {}): Promise<LyingNode> {
    const http = createServer((incoming, response) => {
      if (!answersRest) {
        response.writeHead(404).end();
        return;
      }
      const { method, url: path, headers } = incoming;
      const forwarded = request({ host: "127.0.0.1", port: new URL(nodeUrl).port, method, path, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      forwarded.on("error", () => response.destroy());
      incoming.pipe(forwarded);
    });
    const server = new WebSocketServer({ server: http });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    server.once("close", () => {
      http.closeAllConnections();
      http.close();
    });
    return new LyingNode(server, nodeUrl);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}${this.#target.pathname}`;
  }

  /** Sends a frame of its own to all agents. */
  inject(frame: Frame): void {
    const text = JSON.stringify(frame);
    for (const link of this.#links) link.send(text);
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #link(agent: WebSocket, upgrade: IncomingMessage): void {
    this.#links.add(agent);
    const target = new URL(upgrade.url ?? "", this.#target);
    const node = new WebSocket(target, { headers: { "x-api-key": upgrade.headers["x-api-key"] ?? "" } });
    const opened = new Promise((resolve) => node.once("open", resolve));
    agent.on("message", (data) => {
      const text = String(data);
      void opened.then(() => this.#pass(text, (frame) => this.fromAgent(frame), node, agent));
    });
    node.on("message", (data) => this.#pass(String(data), (frame) => this.fromNode(frame), agent, agent));
    agent.on("close", () => {
      this.#links.delete(agent);
      node.close();
    });
    node.on("close", () => agent.close());
    for (const socket of [agent, node]) socket.on("error", () => {});
  }

  #pass(text: string, lie: Lie, to: WebSocket, agent: WebSocket): void {
    this.frames.push(text);
    for (const frame of lie(JSON.parse(text) as Frame)) {
      // A reply that the proxy makes up goes back to the agent.
      const target = frame[3] === "phx_reply" ? agent : to;
      if (target.readyState === WebSocket.OPEN) target.send(JSON.stringify(frame));
    }
  }
}

/** The answer "ok" to a push. */
export function ok([joinRef, ref, topic]: Frame): Frame {
  return [joinRef, ref, topic, "phx_reply", { status: "ok", response: {} }];
}

/** A host that serves the documents and the endpoint of a real node, and changes what passes through it. */
export class LyingHost {
  readonly #server: Server;
  readonly #target: number;
  /** Bodies that were posted. */
  readonly posted: string[] = [];
  /** Changes a document. */
  document: (document: JsonObject) => JsonObject = (document) => document;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    server.on("request", (incoming, response) => void this.#answer(incoming, response).catch(() => response.destroy()));
  }

  /** @param target port of the node. */
  static async listen(target: number): Promise<LyingHost> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new LyingHost(server, target);
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bytesOf(incoming);
    if (incoming.method === "POST") this.posted.push(body.toString());
    const { method, url: path, headers } = incoming;
    const forwarded = request({ host: "127.0.0.1", port: this.#target, method, path, headers, agent: false });
    forwarded.on("error", () => response.destroy());
    forwarded.end(body);
    const [answer] = (await once(forwarded, "response")) as [IncomingMessage];
    const bytes = await bytesOf(answer);
    const isDocument = method === "GET" && answer.statusCode === 200;
    const content = isDocument ? JSON.stringify(this.document(JSON.parse(bytes.toString()) as JsonObject)) : bytes;
    const { "content-length": _, "transfer-encoding": __, ...others } = answer.headers;
    response.writeHead(answer.statusCode ?? 502, others).end(content);
  }
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
