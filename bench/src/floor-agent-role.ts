// An agent on the floor router: requests as fast as it can, and answers requests.
import { randomUUID } from "node:crypto";
import { WebSocket } from "ws";
import { FloorSocket, type FloorFrame } from "./floor-socket.ts";
import { argument, rate, serve } from "./worker.ts";

interface Plaintext {
  readonly id: string;
  readonly type: string;
  readonly from: string;
  readonly thid?: string;
  readonly body: object;
}

const { url, name } = argument() as { url: string; name: string };
const PROTOCOL = "https://layr8.io/protocols/echo/1.0";
const waiting = new Map<string, () => void>();
let acknowledged: string[] = [];
let lastRef = 0;

function send(event: string, payload: object): void {
  socket.send(JSON.stringify(["1", String(++lastRef), "plugins:any", event, payload]));
}

function message(type: string, to: string, body: object, thid?: string): string {
  const id = randomUUID();
  send("message", {
    id,
    type,
    from: name,
    to: [to],
    ...(thid !== undefined && { thid }),
    created_time: Math.floor(Date.now() / 1000),
    body,
  });
  return id;
}

function onFrames(frames: readonly FloorFrame[]): void {
  for (const [, , , event, payload] of frames) {
    if (event !== "message") continue;
    const { id, type, from, thid = "", body } = (payload as { plaintext: Plaintext }).plaintext;
    if (acknowledged.push(id) === 1) setImmediate(acknowledge);
    if (type.endsWith("/request")) message(`${PROTOCOL}/response`, from, body, id);
    waiting.get(thid)?.();
    waiting.delete(thid);
  }
}

function acknowledge(): void {
  send("ack", { ids: acknowledged });
  acknowledged = [];
}

const webSocket = new WebSocket(`${url}/?name=${name}`, { perMessageDeflate: false });
const socket = new FloorSocket(webSocket, onFrames);
webSocket.on("open", () =>
  serve({}, ({ lanes, durationMs, length }: { lanes: number; durationMs: number; length: number }) => {
    const body = { text: "x".repeat(length) };
    return rate(
      lanes,
      durationMs,
      () => new Promise<void>((resolve) => waiting.set(message(`${PROTOCOL}/request`, "echo", body), resolve)),
    );
  }),
);
