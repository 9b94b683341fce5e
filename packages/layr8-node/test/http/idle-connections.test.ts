import { once } from "node:events";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { startNode } from "../../src/node.ts";

it("closes connections that send nothing, or never complete the head of a request", async () => {
  await using node = await startNode({ port: 0, logger: false, limits: { idleTimeoutMs: 200 } });
  const silent = connect(node.port, "127.0.0.1");
  const slow = connect(node.port, "127.0.0.1").on("connect", () => slow.write("GET /health HTTP/1.1\r\nx-slow: "));
  const ended = [silent, slow].map((socket) => once(socket.resume(), "close"));
  await Promise.all(ended);
  expect((await fetch(`${node.httpUrl}/health`)).status).toBe(200);
});
