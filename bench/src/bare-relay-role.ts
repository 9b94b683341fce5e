// The ceiling for one message per gRPC frame: a server that forwards each frame to all other subscribers and acknowledges its messages. It decodes
// nothing, stores nothing and authenticates no client. The floor of a relay, `isBatched`: its clients put the messages of one turn of their
// event loop into one frame, and with a data directory each turn's frames are stored before they are forwarded.
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { ACK, BARE_METHOD, PAYLOAD_BYTES } from "./bare-relay.ts";
import { argument, memoryInUse, serve } from "./worker.ts";

type Call = ServerDuplexStream<Buffer, Buffer>;

const { dataDir, isBatched = false } = argument() as { dataDir?: string; isBatched?: boolean };
const environment = dataDir === undefined ? undefined : await LmdbEnvironment.open(dataDir, { name: "floor", schema: 1 });
const listeners = new Set<Call>();
let turn: { call: Call; frame: Buffer }[] = [];
let lastRecord = 0;

function pass(call: Call, frame: Buffer): void {
  for (const listener of listeners) if (listener !== call) listener.write(frame);
  call.write(frame.length === PAYLOAD_BYTES ? ACK : Buffer.alloc((frame.length / PAYLOAD_BYTES) * ACK.length, ACK));
}

function store(open: LmdbEnvironment): void {
  const frames = turn;
  turn = [];
  open.writes.put(open.table("log"), Buffer.from(String(++lastRecord).padStart(12, "0")), Buffer.concat(frames.map(({ frame }) => frame)));
  // A failure ends the process.
  void open.writes.flushNow().then(() => frames.forEach(({ call, frame }) => pass(call, frame)));
}

const server = new Server({ "grpc-node.flow_control_window": 256 * 1024 });
server.addService(
  { Pass: BARE_METHOD },
  {
    Pass: (call: Call) => {
      const leave = (): void => void listeners.delete(call);
      for (const event of ["cancelled", "error", "end"]) call.on(event, leave);
      if (call.metadata.get("listen").length > 0) listeners.add(call);
      call.sendMetadata(call.metadata);
      call.on("data", (frame: Buffer) => {
        if (environment === undefined) pass(call, frame);
        else if (turn.push({ call, frame }) === 1) setImmediate(store, environment);
      });
    },
  },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  serve({ url: `127.0.0.1:${port}`, isBatched }, async () => memoryInUse());
});
