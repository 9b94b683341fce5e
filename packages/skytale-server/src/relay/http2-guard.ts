import { constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Server as GrpcServer } from "@grpc/grpc-js";
import { RateLimiter } from "@parley/core/internal";
import { type Connections, peerOf } from "@parley/server-kit";

/** Streams that a client may reset on one connection in a second, and at once: a client that stops many calls at a time does so too. */
const RESETS = { perSecond: 50, burst: 500 };

/**
 * Receive window of a connection with a valid token, in bytes, and of each of its streams. With HTTP/2's default of 64 KiB, a client that
 * publishes fast waits for a window update after each frame. grpc-js has an option for the window of clients only.
 */
const WINDOW_BYTES = 256 * 1024;

/** What {@link guardHttp2} returns. */
export interface Http2Guard {
  /** Called when a connection has presented a valid token: its client may send more at once. Until then, it has HTTP/2's default window. */
  identified(peer: string): void;
}

/**
 * Watches the HTTP/2 connections of a gRPC server: counts them, and closes one on which a client resets streams again and again
 * (https://www.rfc-editor.org/rfc/rfc9113#section-10.5), with GOAWAY ENHANCE_YOUR_CALM.
 */
export function guardHttp2(grpc: GrpcServer, connections: Connections, onFlood: (peer: string) => void): Http2Guard {
  const resets = new RateLimiter(RESETS);
  /** Connections with the default window. */
  const narrow = new Map<string, ServerHttp2Session>();
  for (const server of http2ServersOf(grpc)) {
    connections.attach(server);
    // The window of a stream doesn't exceed that of its connection.
    server.updateSettings({ initialWindowSize: WINDOW_BYTES });
    server.on("session", (session: ServerHttp2Session) => {
      const { socket } = session;
      if (socket === undefined) return;
      const peer = peerOf(socket);
      session.on("error", () => undefined);
      narrow.set(peer, session);
      session.once("close", () => {
        if (narrow.get(peer) === session) narrow.delete(peer);
      });
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
  return {
    identified: (peer) => {
      const session = narrow.get(peer);
      narrow.delete(peer);
      if (session?.destroyed === false) session.setLocalWindowSize(WINDOW_BYTES);
    },
  };
}

/** grpc-js has no public way to its HTTP/2 servers. */
function http2ServersOf(grpc: GrpcServer): readonly Http2Server[] {
  const servers: unknown = Reflect.get(grpc, "http2Servers");
  if (!(servers instanceof Map) || servers.size === 0) throw new Error("This version of grpc-js keeps its HTTP/2 servers elsewhere");
  return [...(servers as Map<Http2Server, unknown>).keys()];
}
