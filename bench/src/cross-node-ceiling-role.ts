// The ceiling for two nodes: a message is packed, posted to a bare node:http server over connections that are kept, and unpacked there; its
// answer comes back in the same way. No agents, no DIDs to resolve, no order. With a data directory, each side stores a message before it sends it and
// before it confirms its receipt, as nodes do: the messages of one turn share a commit.
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { createMessage } from "@parley/core";
import { createDidcommCrypto } from "@parley/didcomm-crypto";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { resolverOf, type Party } from "./didcomm-crypto-parties.ts";
import { argument, rate, serve } from "./worker.ts";

/** How one asks the other. */
interface Question {
  readonly lanes: number;
  readonly durationMs: number;
  readonly length: number;
}

const { self, other, port: otherPort, dataDir } = argument() as { self: Party; other: Party; port?: number; dataDir?: string };
const crypto = createDidcommCrypto({
  resolver: resolverOf(self, other),
  privateKey: (kid) => (kid === self.kid ? self.privateKey : undefined),
});
const environment = dataDir === undefined ? undefined : await LmdbEnvironment.open(dataDir, { name: "floor", schema: 1 });
let turn: { text: string; stored: () => void }[] = [];
let lastRecord = 0;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const waiting = new Map<string, () => void>();
let last = 0;

const server = createServer((incoming, response) => {
  take(incoming, response).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
// Connections stay open while the other variants are measured.
server.keepAliveTimeout = 0;
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  serve({ port }, ({ lanes, durationMs, length }: Question) => {
    const body = { text: "x".repeat(length), port };
    return rate(lanes, durationMs, async () => {
      const id = `${++last}`;
      const answered = new Promise<void>((resolve) => waiting.set(id, resolve));
      await post(id, otherPort ?? 0, body);
      await answered;
    });
  });
});

async function take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const { message } = await crypto.unpack(await text(incoming));
  await store(JSON.stringify(message));
  response.writeHead(202).end();
  const { id, body } = message;
  const answered = waiting.get(id);
  waiting.delete(id);
  if (answered === undefined) await post(id, Number(body["port"]), body);
  else answered();
}

async function post(id: string, port: number, body: object): Promise<void> {
  const type = "https://layr8.io/protocols/echo/1.0/request";
  const message = createMessage({ id, type, from: self.did, to: other.did, body: { ...body } });
  await store(JSON.stringify(message));
  const envelope = await crypto.pack(message, { from: self.did, to: other.did });
  await new Promise<void>((resolve, reject) => {
    const headers = { "content-type": "application/didcomm-encrypted+json", "content-length": Buffer.byteLength(envelope) };
    const outgoing = request({ host: "127.0.0.1", port, method: "POST", path: "/didcomm", agent, headers }, (response) => {
      response.resume().on("end", resolve);
    });
    outgoing.on("error", reject).end(envelope);
  });
}

async function store(message: string): Promise<void> {
  if (environment === undefined) return;
  await new Promise<void>((stored) => {
    if (turn.push({ text: message, stored }) === 1) setImmediate(flush, environment);
  });
}

function flush(open: LmdbEnvironment): void {
  const messages = turn;
  turn = [];
  const record = Buffer.from(JSON.stringify(messages.map((message) => message.text)));
  open.writes.put(open.table("messages"), Buffer.from(String(++lastRecord).padStart(12, "0")), record);
  // A failure ends the process.
  void open.writes.flushNow().then(() => messages.forEach(({ stored }) => stored()));
}
