// The ceiling for two nodes: a message is packed, posted to a bare node:http server over connections that are kept, and unpacked there; its
// answer comes back in the same way. No agents, no DIDs to resolve, no store, no order.
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { createMessage } from "@parley/core";
import { createDidcommCrypto } from "@parley/didcomm-crypto";
import { resolverOf, type Party } from "./didcomm-crypto-parties.ts";
import { argument, rate, serve } from "./worker.ts";

/** How one asks the other. */
interface Question {
  readonly lanes: number;
  readonly durationMs: number;
  readonly length: number;
}

const { self, other, port: otherPort } = argument() as { self: Party; other: Party; port?: number };
const crypto = createDidcommCrypto({
  resolver: resolverOf(self, other),
  privateKey: (kid) => (kid === self.kid ? self.privateKey : undefined),
});
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const waiting = new Map<string, () => void>();
let last = 0;

const server = createServer((incoming, response) => {
  take(incoming, response).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
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
  const envelope = await crypto.pack(message, { from: self.did, to: other.did });
  await new Promise<void>((resolve, reject) => {
    const headers = { "content-type": "application/didcomm-encrypted+json", "content-length": Buffer.byteLength(envelope) };
    const outgoing = request({ host: "127.0.0.1", port, method: "POST", path: "/didcomm", agent, headers }, (response) => {
      response.resume().on("end", resolve);
    });
    outgoing.on("error", reject).end(envelope);
  });
}
