// The counterpart of echo-role on the bare router.
import { WebSocket } from "ws";
import { argument, serve } from "./worker.ts";

const socket = new WebSocket(`${(argument() as { url: string }).url}/?name=echo`, { perMessageDeflate: false });
socket.on("message", (data) => {
  const { id, from, body } = JSON.parse(String(data)) as { id: string; from: string; body: unknown };
  socket.send(JSON.stringify({ id, to: from, from: "echo", body }));
});
socket.on("open", () => serve({}, async () => 0));
