// The ceiling for one message per gRPC frame: a server that forwards each message to all other subscribers and acknowledges it. It decodes nothing,
// stores nothing and authenticates no client.
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { BARE_METHOD } from "./bare-relay.ts";
import { memoryInUse, serve } from "./worker.ts";

const ACK = Buffer.from("12345678");
const listeners = new Set<ServerDuplexStream<Buffer, Buffer>>();
const server = new Server();
server.addService(
  { Pass: BARE_METHOD },
  {
    Pass: (call: ServerDuplexStream<Buffer, Buffer>) => {
      const leave = (): void => void listeners.delete(call);
      for (const event of ["cancelled", "error", "end"]) call.on(event, leave);
      if (call.metadata.get("listen").length > 0) listeners.add(call);
      call.sendMetadata(call.metadata);
      call.on("data", (message: Buffer) => {
        for (const listener of listeners) if (listener !== call) listener.write(message);
        call.write(ACK);
      });
    },
  },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  serve({ url: `127.0.0.1:${port}` }, async () => memoryInUse());
});
