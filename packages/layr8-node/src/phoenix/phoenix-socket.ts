import type { Duplex } from "node:stream";
import { ChurnMap, MAX_BATCH_FRAMES, splitBatch } from "@parley/core/internal";
import { WebSocket, type RawData } from "ws";
import { unitsOf } from "../work-units.ts";
import { Channel, errorReply, OK, type ChannelEnd, type ChannelSocket, type JoinChannel, type Reply } from "./channel.ts";
import { FrameWriter, type FrameLink } from "./frame-writer.ts";
import { ProbeQueue } from "./probe-queue.ts";
import { ReadLimiter, type LimitedReader, type ReadAccount, type ReadLimits } from "./read-limiter.ts";
import { decodeFrame, encodeFrame, encodeReply, type Frame } from "./serializer.ts";

/** Limits of one WebSocket. */
export interface SocketLimits extends ReadLimits {
  /** Topics that one socket may have joined. */
  readonly maxChannels: number;
  /** Malformed frames after which the socket is closed. */
  readonly maxMalformed: number;
  /** Time without a frame after which the socket is closed, in milliseconds. A ping is sent after half of it. */
  readonly idleTimeoutMs: number;
}

/** Events of {@link PhoenixSocket}. */
export interface SocketEvents {
  /** A frame was rejected before any channel handled it; `what` is safe to log. */
  onMalformed(what: string): void;
  /** The application threw while it handled an event or a join. */
  onFailure(error: unknown): void;
  onClose(socket: PhoenixSocket): void;
}

/** Maximum number of events queued on a topic while its join is pending. */
const MAX_QUEUED = 256;
/** Units of work of a join, which may write to the disk. */
const UNITS_PER_JOIN = 50;
/** Maximum characters of a join payload. */
const MAX_JOIN_LENGTH = 512 * 1024;

/** The application's interface for one socket. */
export interface SocketOwner extends ReadAccount {
  readonly join: JoinChannel;
}

/** Options of {@link PhoenixSocket}. */
export interface PhoenixSocketOptions {
  readonly owner: SocketOwner;
  readonly limits: SocketLimits;
  readonly events: SocketEvents;
}

/** A WebSocket that knows what serves it, so that all of them share their listeners: closures for each take half a kilobyte. */
export class LinkedWebSocket extends WebSocket {
  /** Set before it has listeners. */
  declare link: PhoenixSocket;
}

/**
 * One client's WebSocket with Phoenix Channels V2: joins, leaves, heartbeats, replies. Independent of DIDComm; the application decides the
 * meaning of topics in `join`.
 */
export class PhoenixSocket implements ChannelSocket, FrameLink, LimitedReader {
  lastHeardAt: number;
  lastJoinAt: number = Number.NEGATIVE_INFINITY;
  #probes: ProbeQueue | undefined;
  readonly #ws: WebSocket;
  readonly #writer: FrameWriter;
  readonly #owner: SocketOwner;
  readonly #limits: SocketLimits;
  readonly #events: SocketEvents;
  readonly #channels = new Map<string, Channel>();
  /** Topics with a pending join, and the frames queued for them. */
  readonly #joining = new ChurnMap<string, Frame[]>();
  /** Callbacks that wait for a pong, by ping payload, in ping order. */
  readonly #confirming = new ChurnMap<string, () => void>();
  #pings = 0;
  #malformed = 0;
  /** Whether the client sends batches of frames. */
  readonly #batches: boolean;
  /** Whether the node has closed the link or is about to. */
  #endedHere = false;
  #blocked = false;
  readonly #reading: ReadLimiter;

  /**
   * @param stream the socket under `ws`, used to write many frames at once.
   * @param maxBatchBytes maximum batch of frames that the client accepts, in bytes; 0 for clients that neither accept nor send batches.
   */
  constructor(ws: LinkedWebSocket, stream: Duplex, maxBatchBytes: number, { owner, limits, events }: PhoenixSocketOptions) {
    this.#ws = ws;
    this.#writer = new FrameWriter(stream, this, maxBatchBytes);
    this.#batches = maxBatchBytes > 0;
    this.#owner = owner;
    this.#limits = limits;
    this.lastHeardAt = limits.now();
    this.#events = events;
    ws.link = this;
    for (const [event, listener] of PhoenixSocket.#LISTENERS) ws.on(event, listener);
    stream.on("drain", () => this.#onDrain());
    stream.on("data", (chunk: Buffer) => this.#reading.received(chunk));
    this.#reading = new ReadLimiter(ws, owner, limits, this);
  }

  get isOpen(): boolean {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  get probes(): ProbeQueue {
    return (this.#probes ??= new ProbeQueue(this));
  }

  outOfBudget(): void {
    this.#events.onMalformed("no room for a message that is not complete");
    this.close(1013, "too much of this API key is partly received: send fewer messages at once");
  }

  get writable(): boolean {
    if (!this.isOpen) return false;
    if (this.#ws.bufferedAmount <= this.#limits.highWaterMark) return true;
    this.#blocked = true;
    return false;
  }

  has(channel: Channel): boolean {
    return channel.topics.some((topic) => this.#channels.get(topic) === channel);
  }

  addAlias(channel: Channel, topic: string): boolean {
    if (this.#channels.has(topic) || this.#joining.has(topic)) return false;
    this.#channels.set(topic, channel);
    return true;
  }

  /** Sends a frame. All frames of one turn of the event loop are written together. */
  write(text: string): void {
    if (!this.isOpen) return;
    this.#writer.write(text);
  }

  /** Resolves once the client has received everything written so far, detected by a ping. */
  confirm(): Promise<void> {
    return new Promise((resolve) => {
      const payload = String(++this.#pings);
      this.#confirming.set(payload, resolve);
      this.#writer.flush();
      if (this.isOpen) this.#ws.ping(payload);
    });
  }

  /** Closes the socket: the client should reconnect later (1012, 1013) or must not (1008). */
  close(code: 1012 | 1008 | 1013, reason: string): void {
    this.#endedHere = true;
    this.#writer.flush();
    this.#ws.close(code, reason);
  }

  /** Drops the link without a closing handshake. */
  terminate(): void {
    this.#endedHere = true;
    this.#ws.terminate();
  }

  /** Pings a silent client, and drops one that stays silent. Called every second. */
  checkIdle(): void {
    const now = this.#limits.now();
    const silent = this.#reading.silentFor(now, this.lastHeardAt);
    if (Math.max(silent, this.#reading.incompleteFor(now)) > this.#limits.idleTimeoutMs) this.terminate();
    else if (silent > this.#limits.idleTimeoutMs / 2 && this.isOpen) this.#ws.ping();
  }

  endChannel(channel: Channel, end: ChannelEnd, event?: "phx_close" | "phx_error", closeCode?: number): void {
    if (!this.has(channel)) return;
    for (const topic of channel.topics) this.#channels.delete(topic);
    if (event !== undefined) {
      for (const topic of channel.topicsForEnd) this.write(encodeFrame(channel.joinRef, channel.joinRef, topic, event, "{}"));
    }
    channel.handler?.ended(end, closeCode);
  }

  #onPong(payload: string): void {
    this.lastHeardAt = this.#limits.now();
    if (!this.#confirming.has(payload)) return;
    // A client may skip pongs for older pings.
    for (const [earlier, resolve] of this.#confirming) {
      this.#confirming.delete(earlier);
      resolve();
      if (earlier === payload) return;
    }
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    this.lastHeardAt = this.#limits.now();
    const message = (data as Buffer).toString("utf8");
    const frames = isBinary || !this.#batches ? [message] : splitBatch(message);
    this.#reading.charge(frames.length - 1 + unitsOf((data as Buffer).length));
    if (isBinary) return this.#reject("binary frames are not used here: send text frames");
    if (frames.length > MAX_BATCH_FRAMES) return this.#reject(`a batch may have ${MAX_BATCH_FRAMES} frames`);
    for (const frame of frames) this.#read(frame);
    this.#reading.checkUnread();
  }

  #read(text: string): void {
    const frame = decodeFrame(text);
    if (frame === undefined) return this.#reject("a frame must be a JSON array [join_ref, ref, topic, event, payload]");
    if (frame.event === "phx_join") this.#reading.charge(UNITS_PER_JOIN);
    this.#onFrame(frame);
  }

  #onFrame(frame: Frame): void {
    if (frame.topic === "phoenix") return this.#onControl(frame);
    const queue = this.#joining.get(frame.topic);
    if (queue !== undefined) {
      if (queue.length < MAX_QUEUED) queue.push(frame);
      else this.#reply(frame, "null", errorReply("too many frames while the join is under way"));
      return;
    }
    if (frame.event === "phx_join") return void this.#onJoin(frame);
    const channel = this.#channels.get(frame.topic);
    if (channel === undefined) return this.#reply(frame, "null", errorReply("unmatched topic"));
    // A stale join_ref belongs to an earlier join of the topic.
    if (frame.joinRef !== "null" && frame.joinRef !== channel.joinRef) return;
    channel.used(frame.topic);
    if (frame.event === "phx_leave") {
      this.#reply(frame, channel.joinRef, OK);
      return this.endChannel(channel, "left", "phx_close");
    }
    this.#onEvent(channel, frame);
  }

  #onControl(frame: Frame): void {
    if (frame.event === "heartbeat") this.#reply(frame, "null", OK);
    else this.#reply(frame, "null", errorReply("unknown event on topic phoenix"));
  }

  #onEvent(channel: Channel, frame: Frame): void {
    try {
      const reply = channel.handler?.event(frame.event, frame.payload);
      if (!(reply instanceof Promise)) return this.#reply(frame, channel.joinRef, reply);
      reply.then(
        (later) => this.#reply(frame, channel.joinRef, later),
        (error: unknown) => this.#crash(channel, error),
      );
    } catch (error) {
      this.#crash(channel, error);
    }
  }

  /** The event may be half processed: the client gets `phx_error` and rejoins. */
  #crash(channel: Channel, error: unknown): void {
    this.#events.onFailure(error);
    this.endChannel(channel, "closed", "phx_error");
  }

  async #onJoin(frame: Frame): Promise<void> {
    const { topic } = frame;
    if (frame.payload.length > MAX_JOIN_LENGTH) {
      return this.#reply(frame, frame.joinRef, errorReply(`the payload of a join may have ${MAX_JOIN_LENGTH} characters`));
    }
    const previous = this.#channels.get(topic);
    if (previous === undefined && this.#channels.size + this.#joining.size >= this.#limits.maxChannels) {
      return this.#reply(frame, frame.joinRef, errorReply("too many channels on one socket"));
    }
    const queue: Frame[] = [];
    this.#joining.set(topic, queue);
    const channel = new Channel(this, topic, frame.joinRef, previous?.handler);
    try {
      // The owner is an AgentSocket. It checks the DID, and creates the AgentChannel.
      const joined = await this.#owner.join(topic, frame.payload, channel);
      if (!this.isOpen) {
        if (joined.status === "ok") joined.handler.ended("lost");
        return;
      }
      if (joined.status === "ok") {
        channel.handler = joined.handler;
        this.#reply(frame, frame.joinRef, joined);
        if (previous !== undefined) this.endChannel(previous, "rejoined", "phx_close");
        this.#channels.set(topic, channel);
        this.lastJoinAt = this.#limits.now();
        joined.joined();
      } else {
        this.#reply(frame, frame.joinRef, joined);
      }
    } catch (error) {
      this.#events.onFailure(error);
      this.#reply(frame, frame.joinRef, errorReply("the node failed to join: try again"));
    } finally {
      this.#joining.delete(topic);
      for (const waiting of queue) this.#onFrame(waiting);
    }
  }

  #reply(frame: Frame, joinRef: string, reply: Reply | undefined): void {
    if (reply !== undefined && frame.ref !== "null") this.write(encodeReply(joinRef, frame.ref, frame.topic, reply.status, reply.response));
  }

  /** Reports a rejected frame, which may have no valid topic or ref, on the control topic. */
  #reject(what: string): void {
    this.#events.onMalformed(what);
    this.write(encodeFrame("null", "null", "phoenix", "phx_error", JSON.stringify({ reason: what })));
    if (++this.#malformed >= this.#limits.maxMalformed) this.close(1008, "too many malformed frames");
  }

  #onDrain(): void {
    this.#reading.drained();
    if (!this.#blocked || !this.writable) return;
    this.#blocked = false;
    for (const channel of new Set(this.#channels.values())) channel.handler?.drained();
  }

  #onError(error: Error): void {
    this.#endedHere = true;
    this.#events.onMalformed(error.message);
  }

  #onClose(code: number): void {
    const closeCode = this.#endedHere ? undefined : code;
    this.#reading.close();
    for (const channel of new Set(this.#channels.values())) this.endChannel(channel, "lost", undefined, closeCode);
    this.#events.onClose(this);
  }

  static readonly #LISTENERS = Object.entries({
    message(this: WebSocket, data: RawData, isBinary: boolean) {
      linkOf(this).#onMessage(data, isBinary);
    },
    pong(this: WebSocket, payload: Buffer) {
      linkOf(this).#onPong(payload.toString("latin1"));
    },
    ping(this: WebSocket) {
      const link = linkOf(this);
      link.lastHeardAt = link.#limits.now();
    },
    error(this: WebSocket, error: Error) {
      linkOf(this).#onError(error);
    },
    close(this: WebSocket, code: number) {
      linkOf(this).#onClose(code);
    },
  });
}

function linkOf(ws: WebSocket): PhoenixSocket {
  return (ws as LinkedWebSocket).link;
}
