import type { Probe } from "./probe-queue.ts";

/** A reply to a push or a join; `response` is JSON text. */
export interface Reply {
  readonly status: "ok" | "error";
  readonly response: string;
}

/** An `ok` reply that says nothing more. */
export const OK: Reply = { status: "ok", response: "{}" };

/** An `error` reply with a reason, and members besides it. */
export function errorReply(reason: string, more: Readonly<Record<string, string>> = {}): Reply {
  return { status: "error", response: JSON.stringify({ reason, ...more }) };
}

/** The server's end of one joined topic, as the application above Phoenix sees it. */
export interface Channel {
  /** Pushes an event. `payload` is JSON text. Returns false when the channel is no longer joined. */
  push(event: string, payload: string): boolean;
  /** Whether the socket takes more without piling up memory. After false, {@link ChannelHandler.drained} is called. */
  readonly writable: boolean;
  /** When the last frame or pong of the peer arrived, on the monotonic clock. */
  readonly lastHeardAt: number;
  /** When the last channel was joined on the same socket, on the monotonic clock. */
  readonly lastJoinAt: number;
  /** What handled the topic until this join, when the client joins it again on the same socket. */
  readonly replaces: ChannelHandler | undefined;
  /** Resolves once the client has received everything pushed so far. Stays pending when the link is lost before. */
  confirm(): Promise<void>;
  /** Has a push sent that may break the link, while no other such push is under way on the same socket. */
  probe(probe: Probe): void;
  /**
   * Lets the client use a second topic for this channel. Pushes go to the one that the client used last.
   *
   * @param first whether they go to the second one until the client has used either.
   */
  alias(topic: string, first: boolean): void;
  /** Uses the other topic for pushes. Returns false where there is none, or the client has shown which one it uses. */
  switchTopic(): boolean;
  /** Ends the channel from the server's side: `phx_close`, which clients do not answer with a rejoin. */
  close(): void;
}

/** Why a channel ended: the client left, joined the topic anew, lost its link, or the server closed the channel. */
export type ChannelEnd = "left" | "rejoined" | "lost" | "closed";

/** What the application does with a joined channel. */
export interface ChannelHandler {
  /** An event with its payload as JSON text, which may be invalid. The promised reply goes out when the client gave a ref. */
  event(event: string, payload: string): Promise<Reply | undefined> | Reply | undefined;
  /** The socket takes more again. */
  drained(): void;
  /**
   * The channel has ended; nothing more can be pushed.
   *
   * @param closeCode the WebSocket close code, where the client ended the link: 1006 if it did so without a word.
   */
  ended(end: ChannelEnd, closeCode?: number): void;
}

/** What a join leads to. */
export type Joined =
  | { readonly status: "ok"; readonly response: string; readonly handler: ChannelHandler; readonly joined: () => void }
  | (Reply & { readonly status: "error" });

/** The application above Phoenix: decides on joins. `payload` is JSON text, which may be invalid. */
export type JoinChannel = (topic: string, payload: string, channel: Channel) => Promise<Joined>;
