// The floor of a node's work: the frames of the wire, each message stored before its sender gets the reply and until its recipient has
// acknowledged it. No authentication, no policy, no limit, no search for duplicates, no check of what arrives.
import { LmdbEnvironment } from "@parley/storage-lmdb";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { FloorSocket, type FloorFrame } from "./floor-socket.ts";
import { argument, serve } from "./worker.ts";

interface Accepted {
  readonly from: FloorSocket;
  readonly ref: string;
  readonly to: string;
  readonly id: string;
  readonly plaintext: string;
}

const { dataDir } = argument() as { dataDir?: string };
const environment = dataDir === undefined ? undefined : await LmdbEnvironment.open(dataDir, { name: "floor", schema: 1 });
const segments = environment?.table("segments");
const peers = new Map<string, FloorSocket>();
/** By id of the message: the key of its segment, and how many of the segment's messages are left. */
const stored = new Map<string, { key: Buffer; left: number }>();
let accepted: Accepted[] = [];
let lastSegment = 0;

function onFrames(frames: readonly FloorFrame[], from: FloorSocket): void {
  for (const [, ref, , event, payload] of frames) {
    if (event === "ack") {
      for (const id of (payload as { ids: string[] }).ids) remove(id);
    } else {
      const { id, to } = payload as { id: string; to: [string] };
      if (accepted.push({ from, ref: ref ?? "", to: to[0], id, plaintext: JSON.stringify(payload) }) === 1) setImmediate(store);
    }
  }
}

function store(): void {
  const messages = accepted;
  accepted = [];
  if (environment === undefined || segments === undefined) return deliver(messages);
  const key = Buffer.from(String(++lastSegment).padStart(12, "0"));
  const segment = { key, left: messages.length };
  for (const { id } of messages) stored.set(id, segment);
  environment.writes.put(segments, key, Buffer.from(messages.map(({ plaintext }) => plaintext).join("\n")));
  // A failure ends the process.
  void environment.writes.flushNow().then(() => deliver(messages));
}

function deliver(messages: readonly Accepted[]): void {
  for (const { from, ref, to, plaintext } of messages) {
    from.send(`["1",${JSON.stringify(ref)},"plugins:any","phx_reply",{"status":"ok","response":{}}]`);
    peers
      .get(to)
      ?.send(`["1",null,"plugins:any","message",{"context":{"recipient":${JSON.stringify(to)},"attempt":1},"plaintext":${plaintext}}]`);
  }
}

function remove(id: string): void {
  const segment = stored.get(id);
  stored.delete(id);
  if (segment === undefined || --segment.left > 0 || environment === undefined || segments === undefined) return;
  environment.writes.remove(segments, segment.key);
}

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
server.on("connection", (socket, request) => {
  peers.set(new URL(request.url ?? "", "ws://router").searchParams.get("name") ?? "", new FloorSocket(socket, onFrames));
});
server.on("listening", () => serve({ url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` }, async () => 0));
