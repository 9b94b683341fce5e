import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { Changes } from "@parley/test-assertions";
import { ACCEPT_POST, BATCH_MEDIA_TYPE, decodeBatch } from "../../../src/federation/envelope-batch.ts";
import type { World } from "./world.ts";

/** A message that arrived at a partner, decrypted. */
export interface Arrival {
  readonly sender: string | undefined;
  readonly recipient: string | undefined;
  readonly id: string;
  readonly plaintext: string;
}

/** Answers a POST. */
export type RemoteResponse = (arrival: Arrival, response: ServerResponse, request: IncomingMessage) => void;

/** Takes a message as a node does. */
export const take: RemoteResponse = (_, response) => {
  response.writeHead(202).end();
};

/** Another node, as far as this one sees it: a server that serves DID documents, and takes messages as it is told to. */
export class Partner {
  /** Everything that arrived, whatever it was answered. */
  readonly arrivals: Arrival[] = [];
  /** Requests for documents, by path. */
  readonly lookups: string[] = [];
  readonly sockets = new Set<Socket>();
  answer: RemoteResponse = take;
  /** Answers a batch: a status, and how many of its messages are taken. Without it, batches aren't offered. */
  answerBatch: ((arrivals: readonly Arrival[]) => { readonly status: number; readonly accepted?: number }) | undefined;
  /** Number of messages of each POST. */
  readonly posts: number[] = [];
  /** Awaited before a document is served. */
  beforeDocument: () => Promise<void> = () => Promise.resolve();
  readonly #world: World;
  readonly #server: Server;
  readonly #host: string;
  #origin: string;
  readonly #changes = new Changes();

  private constructor(host: string, world: World) {
    this.#host = host;
    this.#world = world;
    this.#origin = "";
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.writeHead(400).end(String(error));
      });
    });
    this.#server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
  }

  static async start(host: string, world: World): Promise<Partner> {
    const partner = new Partner(host, world);
    await partner.listen(0);
    return partner;
  }

  get origin(): string {
    return this.#origin;
  }

  get port(): number {
    return Number(new URL(this.#origin).port);
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    this.#origin = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Hosts an agent. */
  agent(name: string): string {
    return this.#world.create(`did:web:${this.#host.replace(":", "%3A")}:${name}`, `http://${this.#host}`);
  }

  get ids(): string[] {
    return this.arrivals.map(({ id }) => id);
  }

  /** Resolves when a condition holds that depends on what arrived. */
  until(condition: () => boolean): Promise<void> {
    return this.#changes.until(condition);
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "";
    if (request.method === "GET") {
      this.lookups.push(path);
      await this.beforeDocument();
      const did = `did:web:${this.#host.replace(":", "%3A")}${path.replace(/\/did\.json$/, "").replaceAll("/", ":")}`;
      const document = this.#world.documents.get(did);
      if (document === undefined) response.writeHead(404).end();
      else response.writeHead(200, { "content-type": "application/did+json" }).end(JSON.stringify(document));
    } else {
      await this.#take(await text(request), request, response);
    }
    this.#changes.notify();
  }

  async #take(body: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.answerBatch !== undefined) response.setHeader("accept-post", ACCEPT_POST);
    const isBatch = request.headers["content-type"] === BATCH_MEDIA_TYPE;
    const envelopes = isBatch ? (decodeBatch(Buffer.from(body)) ?? []).map(String) : [body];
    const arrivals = await Promise.all(envelopes.map((envelope) => this.#open(envelope)));
    this.arrivals.push(...arrivals);
    this.posts.push(arrivals.length);
    const [first] = arrivals;
    if (isBatch) {
      const { status, accepted } = this.answerBatch?.(arrivals) ?? { status: 415 };
      response.writeHead(status).end(status === 202 ? "" : JSON.stringify({ error: "no", code: "no", accepted }));
    } else if (first !== undefined) this.answer(first, response, request);
  }

  async #open(packed: string): Promise<Arrival> {
    const { message, plaintext, sender } = await this.#world.crypto.unpack(packed);
    return { sender, recipient: message.to[0], id: message.id, plaintext: Buffer.from(plaintext).toString() };
  }
}
