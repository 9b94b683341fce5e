import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A server on a free port that answers as a test says. */
export interface AnsweringServer extends AsyncDisposable {
  readonly url: string;
  /** What was asked, as `GET /path`. */
  readonly asked: readonly string[];
}

/** Starts a server. `answer` gets the number of earlier requests. */
export async function answering(
  answer: (response: ServerResponse, asked: number, request: IncomingMessage) => void,
): Promise<AnsweringServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(response, asked.length - 1, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with JSON. */
export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
