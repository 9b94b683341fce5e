import type { Probe } from "../routing/deliver/consumer.ts";

/** A reply to a push or a join; `response` is JSON text. */
export interface Reply {
  readonly status: "ok" | "error";
  readonly response: string;
}

/** An `ok` reply with an empty response. */
export const OK: Reply = { status: "ok", response: "{}" };

/** Creates an `error` reply with a reason and further members. */
export function errorReply(reason: string, more: Readonly<Record<string, string>> = {}): Reply {
  return { status: "error", response: JSON.stringify({ reason, ...more }) };
}

/** The server side of one joined topic, as the application uses it. */
export interface Channel {
  /** Pushes an event. `payload` is JSON text. Returns false when the channel is no longer joined. */
  push(event: string, payload: string): boolean;
  /** Whether the socket's send buffer has room. After `false`, {@link ChannelHandler.drained} is called. */
  readonly writable: boolean;
  /** When the last frame or pong of the peer arrived, on the monotonic clock. */
  readonly lastHeardAt: number;
  /** When the last channel was joined on the same socket, on the monotonic clock. */
  readonly lastJoinAt: number;
  /** The previous handler of the topic, when the client rejoins it on the same socket. */
  readonly replaces: ChannelHandler | undefined;
  /** Resolves once the client has received everything pushed so far. Stays pending if the link is lost first. */
  confirm(): Promise<void>;
  /** Sends a push that may break the link, when no other such push is in flight on the same socket. */
  probe(probe: Probe): void;
  /**
   * Adds a second topic to this channel. Pushes use the one that the client used last.
   *
   * @param first whether pushes use the second topic until the client has used either.
   */
  alias(topic: string, first: boolean): void;
  /** Switches pushes to the other topic. Returns `false` if there is only one, or if the client has used one. */
  switchTopic(): boolean;
  /** Closes the channel with `phx_close`, after which clients don't rejoin. */
  close(): void;
}

/** Why a channel ended: the client left, rejoined the topic or lost its link, or the server closed the channel. */
export type ChannelEnd = "left" | "rejoined" | "lost" | "closed";

/** The application's handler of a joined channel. */
export interface ChannelHandler {
  /** Handles an event. `payload` is JSON text, which may be invalid. The reply is sent if the client's frame has a ref. */
  event(event: string, payload: string): Promise<Reply | undefined> | Reply | undefined;
  /** The socket's send buffer has room again. */
  drained(): void;
  /**
   * The channel has ended; pushes have no effect.
   *
   * @param closeCode the WebSocket close code, if the client ended the link; 1006 without a close frame.
   */
  ended(end: ChannelEnd, closeCode?: number): void;
}

/** Result of a join. */
export type Joined =
  | { readonly status: "ok"; readonly response: string; readonly handler: ChannelHandler; readonly joined: () => void }
  | (Reply & { readonly status: "error" });

/** The application's decision on a join. `payload` is JSON text, which may be invalid. */
export type JoinChannel = (topic: string, payload: string, channel: Channel) => Promise<Joined>;
