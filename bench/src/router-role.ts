// The ceiling for a node: a bare WebSocket router that parses each message and passes it on. No store, no policy, no acknowledgement.
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import { serve } from "./worker.ts";

const peers = new Map<string, WebSocket>();
const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
server.on("connection", (socket, request) => {
  peers.set(new URL(request.url ?? "", "ws://router").searchParams.get("name") ?? "", socket);
  socket.on("message", (data) => {
    const message = JSON.parse(String(data)) as { to: string };
    peers.get(message.to)?.send(JSON.stringify(message));
  });
});
server.on("listening", () => serve({ url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` }, async () => 0));
