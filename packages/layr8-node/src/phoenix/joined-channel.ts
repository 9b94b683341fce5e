import type { Channel, ChannelEnd, ChannelHandler } from "./channel.ts";
import type { Probe } from "../routing/deliver/consumer.ts";
import type { ProbeQueue } from "./probe-queue.ts";
import { encodeFrame } from "./serializer.ts";

/** The socket of a {@link JoinedChannel}. */
export interface ChannelSocket {
  readonly writable: boolean;
  /** Milliseconds on a monotonic clock. */
  readonly lastHeardAt: number;
  /** Milliseconds on a monotonic clock. */
  readonly lastJoinAt: number;
  readonly probes: ProbeQueue;
  /** Whether the channel is joined. */
  has(channel: JoinedChannel): boolean;
  /** Assigns a further topic to a channel, unless it is taken. */
  addAlias(channel: JoinedChannel, topic: string): boolean;
  /** Sends a frame. */
  write(text: string): void;
  /** Resolves when the client has received everything written so far. */
  confirm(): Promise<void>;
  endChannel(channel: JoinedChannel, end: ChannelEnd, event?: "phx_close" | "phx_error", closeCode?: number): void;
}

/** A joined channel of a socket, with the application's handler. */
export class JoinedChannel implements Channel {
  handler: ChannelHandler | undefined;
  readonly joinRef: string;
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

  get writable(): boolean {
    return this.#socket.writable;
  }

  get lastHeardAt(): number {
    return this.#socket.lastHeardAt;
  }

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

  alias(topic: string, first: boolean): void {
    if (this.topics.includes(topic) || !this.#socket.addAlias(this, topic)) return;
    this.topics.push(topic);
    if (first && !this.#isTopicKnown) this.#topic = topic;
  }

  switchTopic(): boolean {
    const other = this.topics.find((topic) => topic !== this.#topic);
    if (this.#isTopicKnown || other === undefined) return false;
    this.#topic = other;
    return true;
  }

  push(event: string, payload: string): boolean {
    if (!this.#socket.has(this)) return false;
    this.#socket.write(encodeFrame(this.joinRef, "null", this.#topic, event, payload));
    return true;
  }

  confirm(): Promise<void> {
    return this.#socket.confirm();
  }

  probe(probe: Probe): void {
    this.#socket.probes.add(probe);
  }

  close(): void {
    this.#socket.endChannel(this, "closed", "phx_close");
  }
}
