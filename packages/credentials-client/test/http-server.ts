import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A request as a server received it. */
export interface Seen {
  readonly method: string;
  /** Path with its query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface TestServer {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  readonly port: number;
  readonly server: Server;
  /** Every request, in the order of arrival. */
  readonly seen: readonly Seen[];
}

/** Starts an HTTP server on loopback, for the rest of the test. */
export async function listen(handler: RequestListener, server: Server = createServer()): Promise<TestServer> {
  server.on("request", handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, port, server, seen: [] };
}

/** Starts an HTTP server that reads the whole of each request before it answers. */
export async function serve(answer: (seen: Seen, response: ServerResponse) => unknown): Promise<TestServer> {
  const seen: Seen[] = [];
  const started = await listen((request, response) => {
    const chunks: Buffer[] = [];
    request
      .on("data", (chunk: Buffer) => chunks.push(chunk))
      .on("error", () => {})
      .on("end", () => {
        const content = Buffer.concat(chunks).toString();
        const body: unknown = content === "" ? undefined : JSON.parse(content);
        const entry = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
        seen.push(entry);
        answer(entry, response);
      });
  });
  return { ...started, seen };
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
