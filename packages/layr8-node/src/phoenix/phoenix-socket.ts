import type { Duplex } from "node:stream";
import { type FairShareLease, MAX_BATCH_FRAMES, splitBatch } from "@parley/core/internal";
import type { RawData, WebSocket } from "ws";
import type { ChannelEnd, JoinChannel, Reply } from "./channel.ts";
import { errorReply } from "./channel.ts";
import { FrameMeter } from "./frame-meter.ts";
import { FrameWriter } from "./frame-writer.ts";
import { type ChannelSocket, JoinedChannel } from "./joined-channel.ts";
import { ProbeQueue } from "./probe-queue.ts";
import { decodeFrame, encodeFrame, encodeReply, type Frame } from "./serializer.ts";

/** Limits of one WebSocket. */
export interface SocketLimits {
  /** Topics that one socket may have joined. */
  readonly maxChannels: number;
  /** Malformed frames after which the socket is closed. */
  readonly maxMalformed: number;
  /** Bytes in the send buffer above which channels are not writable. */
  readonly highWaterMark: number;
  /** Time without a frame after which the socket is closed, in milliseconds. A ping is sent after half of it. */
  readonly idleTimeoutMs: number;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
}

/** Events of {@link PhoenixSocket}. */
export interface SocketEvents {
  /** A frame was rejected before any channel handled it; `what` is safe to log. */
  onMalformed(what: string): void;
  /** The application threw while it handled an event or a join. */
  onFailure(error: unknown): void;
  onClose(): void;
}

/** Maximum number of events queued on a topic while its join is pending. */
const MAX_QUEUED = 256;
/** Units of work: one per started 16 KiB of a frame, and those of a join, which may write to the disk. */
const BYTES_PER_UNIT = 16 * 1024;
const UNITS_PER_JOIN = 50;
/** Interval at which a client above its rate is checked for available units, in milliseconds: other sockets of its owner share them. */
const MAX_PAUSE_MS = 1000;
/** Unsent bytes, in high-water marks, above which the client is not read: replies have no other limit. Deliveries alone never reach it. */
const UNREAD_MARKS = 2;
/** Incomplete messages are charged in steps of this many bytes. */
const HELD_STEP = 4 * 1024;
/** How often a socket without budget for the rest of a message retries, and for how long, in milliseconds. */
const ROOM_RETRY_MS = 100;
const ROOM_PATIENCE_MS = 5000;
/** Time that a client has to disconnect after it was closed for lack of budget, in milliseconds. */
const LINGER_MS = 1000;
/** Maximum characters of a join payload. */
const MAX_JOIN_LENGTH = 512 * 1024;

/** The application's interface for one socket. */
export interface SocketOwner {
  readonly join: JoinChannel;
  /** Charges the owner for work; 0 units query only. Returns the milliseconds after which the socket may be read again. */
  charge(units: number): number;
  /** Maximum batch of frames that the client accepts, in bytes; 0 for clients that neither accept nor send batches. */
  readonly maxBatchBytes: number;
  /** Reserves budget for bytes of an incomplete message; `undefined` if the owner, or all owners together, have none left. */
  hold(bytes: number): FairShareLease | undefined;
}

/**
 * One client's WebSocket with Phoenix Channels V2: joins, leaves, heartbeats, replies. Independent of DIDComm; the application decides the
 * meaning of topics in `join`.
 */
export class PhoenixSocket implements ChannelSocket {
  lastHeardAt: number;
  lastJoinAt: number = Number.NEGATIVE_INFINITY;
  readonly probes: ProbeQueue = new ProbeQueue(() => this.confirm());
  readonly #ws: WebSocket;
  readonly #writer: FrameWriter;
  readonly #owner: SocketOwner;
  readonly #limits: SocketLimits;
  readonly #events: SocketEvents;
  readonly #channels = new Map<string, JoinedChannel>();
  /** Topics with a pending join, and the frames queued for them. */
  readonly #joining = new Map<string, Frame[]>();
  /** Callbacks that wait for a pong, by ping payload, in ping order. */
  readonly #confirming = new Map<string, () => void>();
  #pings = 0;
  #malformed = 0;
  /** Whether the node has closed the link or is about to. */
  #endedHere = false;
  #blocked = false;
  /** Reading is paused until then: the owner is above its rate. */
  #pause: NodeJS.Timeout | undefined;
  /** When the last such pause ended. */
  #pausedUntil = Number.NEGATIVE_INFINITY;
  /** Nothing is read until the client has received what was written. */
  #isUnread = false;
  readonly #meter = new FrameMeter();
  /** Budget reserved for an incomplete message, and its size. */
  #held: FairShareLease | undefined;
  #heldBytes = 0;
  /** When the incomplete message began. */
  #partialSince = 0;
  /** Reading is paused until then: no budget is left for the rest of a message. */
  #roomTimer: NodeJS.Timeout | undefined;

  /** @param stream the socket under `ws`, used to write many frames at once. */
  constructor(ws: WebSocket, stream: Duplex, owner: SocketOwner, limits: SocketLimits, events: SocketEvents) {
    this.#ws = ws;
    this.#writer = new FrameWriter(stream, () => ws.readyState === ws.OPEN, owner.maxBatchBytes);
    this.#owner = owner;
    this.#limits = limits;
    this.lastHeardAt = limits.now();
    this.#events = events;
    ws.on("message", (data, isBinary) => this.#onMessage(data, isBinary));
    ws.on("pong", (payload) => this.#onPong(payload.toString("latin1")));
    ws.on("ping", () => (this.lastHeardAt = limits.now()));
    ws.on("error", (error) => {
      this.#endedHere = true;
      this.#events.onMalformed(error.message);
    });
    ws.on("close", (code) => this.#onClose(this.#endedHere ? undefined : code));
    stream.on("drain", () => this.#onDrain());
    stream.on("data", (chunk: Buffer) => this.#onData(chunk));
    // Connecting again regains nothing.
    this.#charge(0);
  }

  get writable(): boolean {
    if (this.#ws.readyState !== this.#ws.OPEN) return false;
    if (this.#ws.bufferedAmount <= this.#limits.highWaterMark) return true;
    this.#blocked = true;
    return false;
  }

  has(channel: JoinedChannel): boolean {
    return channel.topics.some((topic) => this.#channels.get(topic) === channel);
  }

  addAlias(channel: JoinedChannel, topic: string): boolean {
    if (this.#channels.has(topic) || this.#joining.has(topic)) return false;
    this.#channels.set(topic, channel);
    return true;
  }

  /** Sends a frame. All frames of one turn of the event loop are written together. */
  write(text: string): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#writer.write(text);
  }

  /** Resolves once the client has received everything written so far, detected by a ping. */
  confirm(): Promise<void> {
    return new Promise((resolve) => {
      const payload = String(++this.#pings);
      this.#confirming.set(payload, resolve);
      this.#writer.flush();
      if (this.#ws.readyState === this.#ws.OPEN) this.#ws.ping(payload);
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
    const silent = this.#pause === undefined ? now - Math.max(this.lastHeardAt, this.#pausedUntil) : 0;
    const isStuck = this.#held !== undefined && now - this.#partialSince > this.#limits.idleTimeoutMs;
    if (isStuck || silent > this.#limits.idleTimeoutMs) this.terminate();
    else if (silent > this.#limits.idleTimeoutMs / 2 && this.#ws.readyState === this.#ws.OPEN) this.#ws.ping();
  }

  endChannel(channel: JoinedChannel, end: ChannelEnd, event?: "phx_close" | "phx_error", closeCode?: number): void {
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
    const frames = isBinary || this.#owner.maxBatchBytes === 0 ? [message] : splitBatch(message);
    this.#charge(frames.length + Math.floor((data as Buffer).length / BYTES_PER_UNIT));
    if (isBinary) return this.#refuse("binary frames are not used here: send text frames");
    if (frames.length > MAX_BATCH_FRAMES) return this.#refuse(`a batch may have ${MAX_BATCH_FRAMES} frames`);
    for (const frame of frames) this.#read(frame);
    this.#checkUnread();
  }

  #read(text: string): void {
    const frame = decodeFrame(text);
    if (frame === undefined) return this.#refuse("a frame must be a JSON array [join_ref, ref, topic, event, payload]");
    if (frame.event === "phx_join") this.#charge(UNITS_PER_JOIN);
    this.#onFrame(frame);
  }

  /** Charges all frames, rejected ones included. Above its rate the owner is read more slowly. */
  #charge(units: number): void {
    const waitMs = this.#owner.charge(units);
    if (waitMs === 0 || this.#pause !== undefined) return;
    this.#ws.pause();
    this.#pauseFor(waitMs);
  }

  /** One read takes up to 64 KiB of frames, so nothing is read before the owner has units again, however many sockets it has. */
  #pauseFor(waitMs: number): void {
    this.#pause = setTimeout(
      () => {
        const moreMs = this.#owner.charge(0);
        if (moreMs > 0) return this.#pauseFor(moreMs);
        this.#pause = undefined;
        this.#pausedUntil = this.#limits.now();
        this.#resume();
      },
      Math.min(waitMs, MAX_PAUSE_MS),
    );
  }

  #resume(): void {
    if (this.#pause === undefined && this.#roomTimer === undefined && !this.#isUnread) this.#ws.resume();
  }

  /** Reads nothing more from a client that does not read the replies. */
  #checkUnread(): void {
    if (this.#isUnread || this.#ws.bufferedAmount <= UNREAD_MARKS * this.#limits.highWaterMark) return;
    this.#isUnread = true;
    this.#ws.pause();
  }

  /** Charges the buffered part of an incomplete message as it arrives. */
  #onData(chunk: Buffer): void {
    if (this.#meter.push(chunk)) this.#partialSince = this.#limits.now();
    const parts = this.#meter.takeParts();
    if (parts > 0) this.#charge(parts);
    const bytes = this.#meter.held - (this.#meter.held % HELD_STEP);
    if (bytes !== this.#heldBytes && !this.#hold(bytes)) this.#waitForRoom(bytes);
  }

  #hold(bytes: number): boolean {
    if (bytes < this.#heldBytes) this.#releaseHeld();
    const more = bytes - this.#heldBytes;
    if (more === 0) return true;
    if (this.#held === undefined) {
      this.#partialSince = this.#limits.now();
      this.#held = this.#owner.hold(more);
      if (this.#held === undefined) return false;
    } else if (!this.#held.tryGrow(more)) {
      return false;
    }
    this.#heldBytes = bytes;
    return true;
  }

  #releaseHeld(): void {
    this.#held?.release();
    this.#held = undefined;
    this.#heldBytes = 0;
  }

  /** Pauses reading until other messages of the owner are complete. After a timeout the client must reconnect. */
  #waitForRoom(bytes: number): void {
    const until = this.#limits.now() + ROOM_PATIENCE_MS;
    this.#ws.pause();
    const ask = (): void => {
      this.#roomTimer = undefined;
      if (this.#hold(bytes)) return this.#resume();
      if (this.#limits.now() >= until) return this.#giveUp();
      this.#roomTimer = setTimeout(ask, ROOM_RETRY_MS);
    };
    this.#roomTimer = setTimeout(ask, ROOM_RETRY_MS);
  }

  #giveUp(): void {
    this.#releaseHeld();
    this.#events.onMalformed("no room for a message that is not complete");
    this.close(1013, "too much of this API key is partly received: send fewer messages at once");
    this.#roomTimer = setTimeout(() => this.terminate(), LINGER_MS);
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
      this.#reply(frame, channel.joinRef, { status: "ok", response: "{}" });
      return this.endChannel(channel, "left", "phx_close");
    }
    this.#onEvent(channel, frame);
  }

  #onControl(frame: Frame): void {
    if (frame.event === "heartbeat") this.#reply(frame, "null", { status: "ok", response: "{}" });
    else this.#reply(frame, "null", errorReply(`unknown event on topic phoenix`));
  }

  #onEvent(channel: JoinedChannel, frame: Frame): void {
    try {
      const answer = channel.handler?.event(frame.event, frame.payload);
      if (!(answer instanceof Promise)) return this.#reply(frame, channel.joinRef, answer);
      answer.then(
        (reply) => this.#reply(frame, channel.joinRef, reply),
        (error: unknown) => this.#crash(channel, error),
      );
    } catch (error) {
      this.#crash(channel, error);
    }
  }

  /** The event may be half processed: the client gets `phx_error` and rejoins. */
  #crash(channel: JoinedChannel, error: unknown): void {
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
    const channel = new JoinedChannel(this, topic, frame.joinRef, previous?.handler);
    try {
      const joined = await this.#owner.join(topic, frame.payload, channel);
      if (this.#ws.readyState !== this.#ws.OPEN) {
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
  #refuse(what: string): void {
    this.#events.onMalformed(what);
    this.write(encodeFrame("null", "null", "phoenix", "phx_error", JSON.stringify({ reason: what })));
    if (++this.#malformed >= this.#limits.maxMalformed) this.close(1008, "too many malformed frames");
  }

  #onDrain(): void {
    if (this.#isUnread) {
      this.#isUnread = false;
      this.#resume();
    }
    if (!this.#blocked || !this.writable) return;
    this.#blocked = false;
    for (const channel of new Set(this.#channels.values())) channel.handler?.drained();
  }

  #onClose(closeCode: number | undefined): void {
    clearTimeout(this.#pause);
    clearTimeout(this.#roomTimer);
    this.#releaseHeld();
    for (const channel of new Set(this.#channels.values())) this.endChannel(channel, "lost", undefined, closeCode);
    this.#events.onClose();
  }
}
