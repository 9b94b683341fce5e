import type { Probe } from "../routing/deliver/consumer.ts";
import type { ProbeQueue } from "./probe-queue.ts";
import { encodeFrame } from "./serializer.ts";

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

/** The socket of a {@link Channel}, one WebSocket. */
export interface ChannelSocket {
  readonly writable: boolean;
  /** Milliseconds on a monotonic clock. */
  readonly lastHeardAt: number;
  /** Milliseconds on a monotonic clock. */
  readonly lastJoinAt: number;
  readonly probes: ProbeQueue;
  /** Whether the channel is joined. */
  has(channel: Channel): boolean;
  /** Assigns a further topic to a channel, unless it is taken. */
  addAlias(channel: Channel, topic: string): boolean;
  /** Sends a frame. */
  write(text: string): void;
  /** Resolves when the client has received everything written so far. */
  confirm(): Promise<void>;
  endChannel(channel: Channel, end: ChannelEnd, event?: "phx_close" | "phx_error", closeCode?: number): void;
}

/** The server side of one joined topic of a socket, with the application's handler. */
export class Channel {
  handler: ChannelHandler | undefined;
  readonly joinRef: string;
  /** The previous handler of the topic, when the client rejoins it on the same socket. */
  readonly replaces: ChannelHandler | undefined;
  readonly topics: string[];
  #topic: string;
  /** Whether the client has used {@link #topic}. */
  #isTopicKnown = false;
  readonly #socket: ChannelSocket;

  constructor(socket: ChannelSocket, topic: string, joinRef: string, replaces: ChannelHandler | undefined) {
    this.#socket = socket;
    this.replaces = replaces;
    this.#topic = topic;
    this.topics = [topic];
    this.joinRef = joinRef;
  }

  /** Whether the socket's send buffer has room. After `false`, {@link ChannelHandler.drained} is called. */
  get writable(): boolean {
    return this.#socket.writable;
  }

  /** When the last frame or pong of the peer arrived, on the monotonic clock. */
  get lastHeardAt(): number {
    return this.#socket.lastHeardAt;
  }

  /** When the last channel was joined on the same socket, on the monotonic clock. */
  get lastJoinAt(): number {
    return this.#socket.lastJoinAt;
  }

  /** Records the topic that the client uses, which pushes use from then on. */
  used(topic: string): void {
    this.#topic = topic;
    this.#isTopicKnown = true;
  }

  /** Topics for pushes that the client must receive. */
  get topicsForEnd(): readonly string[] {
    return this.#isTopicKnown ? [this.#topic] : this.topics;
  }

  /**
   * Adds a second topic to this channel. Pushes use the one that the client used last.
   *
   * @param first whether pushes use the second topic until the client has used either.
   */
  alias(topic: string, first: boolean): void {
    if (this.topics.includes(topic) || !this.#socket.addAlias(this, topic)) return;
    this.topics.push(topic);
    if (first && !this.#isTopicKnown) this.#topic = topic;
  }

  /** Switches pushes to the other topic. Returns `false` if there is only one, or if the client has used one. */
  switchTopic(): boolean {
    const other = this.topics.find((topic) => topic !== this.#topic);
    if (this.#isTopicKnown || other === undefined) return false;
    this.#topic = other;
    return true;
  }

  /** Pushes an event. `payload` is JSON text. Returns false when the channel is no longer joined. */
  push(event: string, payload: string): boolean {
    if (!this.#socket.has(this)) return false;
    this.#socket.write(encodeFrame(this.joinRef, "null", this.#topic, event, payload));
    return true;
  }

  /** Resolves once the client has received everything pushed so far. Stays pending if the link is lost first. */
  confirm(): Promise<void> {
    return this.#socket.confirm();
  }

  /** Sends a push that may break the link, when no other such push is in flight on the same socket. */
  probe(probe: Probe): void {
    this.#socket.probes.add(probe);
  }

  /** Closes the channel with `phx_close`, after which clients don't rejoin. */
  close(): void {
    this.#socket.endChannel(this, "closed", "phx_close");
  }
}
