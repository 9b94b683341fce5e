import { constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Server as GrpcServer } from "@grpc/grpc-js";
import { RateLimiter } from "@parley/core/internal";
import { type Connections, peerOf } from "@parley/server-kit";

/** Streams that a client may reset on one connection in a second, and at once: a client that stops many calls at a time does so too. */
const RESETS = { perSecond: 50, burst: 500 };

/**
 * Watches the HTTP/2 connections of a gRPC server: counts them, and closes one on which a client resets streams again and again
 * (https://www.rfc-editor.org/rfc/rfc9113#section-10.5), with GOAWAY ENHANCE_YOUR_CALM.
 */
export function guardHttp2(grpc: GrpcServer, connections: Connections, onFlood: (peer: string) => void): void {
  const resets = new RateLimiter(RESETS);
  for (const server of http2ServersOf(grpc)) {
    connections.attach(server);
    server.on("session", (session: ServerHttp2Session) => {
      const { socket } = session;
      if (socket === undefined) return;
      const peer = peerOf(socket);
      session.on("error", () => undefined);
      session.once("remoteSettings", () => connections.heard(peer));
      session.on("stream", (stream: ServerHttp2Stream) => {
        const ended = connections.began(peer);
        stream.once("close", () => {
          ended();
          if (stream.rstCode === constants.NGHTTP2_NO_ERROR || resets.tryTake(peer) || session.destroyed) return;
          onFlood(peer);
          session.destroy(new Error("The client resets too many streams"), constants.NGHTTP2_ENHANCE_YOUR_CALM);
        });
      });
    });
  }
}

/** grpc-js has no public way to its HTTP/2 servers. */
function http2ServersOf(grpc: GrpcServer): readonly Http2Server[] {
  const servers: unknown = Reflect.get(grpc, "http2Servers");
  if (!(servers instanceof Map) || servers.size === 0) throw new Error("This version of grpc-js keeps its HTTP/2 servers elsewhere");
  return [...(servers as Map<Http2Server, unknown>).keys()];
}
