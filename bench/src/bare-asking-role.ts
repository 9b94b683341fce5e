// The counterpart of asking-role on the bare router.
import { WebSocket } from "ws";
import { argument, rate, serve } from "./worker.ts";

const socket = new WebSocket(`${(argument() as { url: string }).url}/?name=asking`, { perMessageDeflate: false });
const waiting = new Map<string, () => void>();
let last = 0;
socket.on("message", (data) => {
  const { id } = JSON.parse(String(data)) as { id: string };
  waiting.get(id)?.();
  waiting.delete(id);
});
socket.on("open", () =>
  serve({}, ({ lanes, durationMs, length }: { lanes: number; durationMs: number; length: number }) => {
    const body = { text: "x".repeat(length) };
    return rate(lanes, durationMs, () => {
      const id = `${++last}`;
      const answered = new Promise<void>((resolve) => waiting.set(id, resolve));
      socket.send(JSON.stringify({ id, to: "echo", from: "asking", body }));
      return answered;
    });
  }),
);
