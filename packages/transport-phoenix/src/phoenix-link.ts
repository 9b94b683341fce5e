import { NodeTransportError } from "@parley/core";
import type { TlsOptions } from "@parley/core/net";
import { deferred, splitBatch } from "@parley/core/internal";
import { Socket } from "phoenix";
import type { Endpoint } from "./endpoint.ts";
import { invalidFrame, isProtocolError, isUnauthorized, linkBroke, protocolBroken, unauthorized, unreachable } from "./errors.ts";
import { decodeFrame, decodeReply, encodeFrame, excerptOfFrame, type Frame } from "./frame.ts";
import { NodeSocket } from "./node-socket.ts";
import type { Settings } from "./options.ts";
import { PendingReplies, type ReplyWaiter } from "./pending-replies.ts";
import { Backoff } from "./reconnect-policy.ts";
import { Watchdog } from "./watchdog.ts";

/** The owner of a topic on a {@link PhoenixLink}. */
export interface TopicOwner {
  onUp(): void;
  /** The link broke; it reconnects. */
  onDown(reason: NodeTransportError): void;
  /** A frame of the topic other than a reply. */
  onFrame(frame: Frame, raw: unknown): void;
  onFault(error: NodeTransportError, raw: unknown): void;
  /** The link ended; it does not reconnect. */
  onEnd(reason: NodeTransportError): void;
}

/** Options of a {@link PhoenixLink}. */
export interface PhoenixLinkConfig {
  readonly endpoint: Endpoint;
  readonly settings: Settings;
  readonly tls: TlsOptions;
  /** The link ended or is closing; new topics need another one. */
  readonly onEnd: (link: PhoenixLink) => void;
}

/** A push: one frame on a topic. */
export interface Push {
  readonly topic: string;
  readonly event: string;
  /** JSON text. */
  readonly payload: string;
  /** The ref of the topic's join. The join itself has none yet: its own ref becomes it. */
  readonly joinRef?: string;
}

/**
 * One WebSocket to the node and the topics on it. It opens when created, reconnects after losses, and ends when its last owner leaves
 * or the node rejects the key.
 *
 * Phoenix' `Socket` keeps the heartbeat and the reconnect timer. Its `Channel` is not used: it retries rejected joins without end,
 * cannot change its topic, doesn't wait for the answer to a leave, leaves pushes in flight to their timeouts when the link breaks, and
 * needs a timer for each. So {@link TopicJoin} joins topics, and {@link PendingReplies} holds pushes in flight.
 */
export class PhoenixLink {
  readonly #config: PhoenixLinkConfig;
  readonly #socket: Socket;
  readonly #pending = new PendingReplies();
  readonly #watchdog: Watchdog;
  readonly #topics = new Map<string, TopicOwner>();
  readonly #backoff: Backoff;
  readonly #gone = deferred<void>();
  #current: NodeSocket | undefined;
  #state: "connecting" | "up" | "down" | "ended" = "connecting";
  #lastRef = 0;
  /** Whether the node has sent anything readable since the link opened. */
  #works = false;

  constructor(config: PhoenixLinkConfig) {
    this.#config = config;
    const { endpoint, tls, settings } = config;
    const { timeouts, limits } = settings;
    this.#backoff = new Backoff(settings.backoff);
    const adopt = (socket: NodeSocket) => this.#adopt(socket);
    this.#watchdog = new Watchdog(timeouts.silenceMs, () => this.#current?.terminate());
    this.#socket = new Socket(endpoint.label, {
      // Phoenix would build the URL itself; the endpoint's URL keeps its query.
      transport: class extends NodeSocket {
        constructor() {
          super({
            ...endpoint.target(),
            lookup: endpoint.lookup,
            tls,
            handshakeMs: timeouts.handshakeMs,
            closeMs: timeouts.leaveMs,
            maxFrameLength: limits.maxFrameLength,
          });
          adopt(this);
        }
      },
      // Called for phoenix's own frames only; pushes are written to the socket directly.
      encode: (push: object, callback) => void callback(heartbeat(push as Heartbeat)),
      // Called for each message of the socket. #onData routes all frames itself, and passes on those of phoenix's own topic only.
      decode: (data: unknown, callback) => this.#onData(data, (frame) => void callback(frame)),
      heartbeatIntervalMs: timeouts.heartbeatMs,
      reconnectAfterMs: () => this.#backoff.next(),
      // Without this, phoenix uses the global one, for which some versions of Node print a warning.
      sessionStorage: {},
    });
    this.#socket.onOpen(() => this.#onOpen());
    this.#socket.connect();
  }

  /** The node's address without secrets, for messages. */
  get label(): string {
    return this.#config.endpoint.label;
  }

  /** The offset of the node's clock to this machine's, in milliseconds. */
  get clockOffsetMs(): number {
    return this.#current?.clockOffsetMs ?? 0;
  }

  /** Whether the node has answered the offer of frame batches: it is one of Parley, which reads the other extensions too. */
  get readsExtensions(): boolean {
    return this.#current?.readsBatches === true;
  }

  /** Whether frames can be written now. */
  get up(): boolean {
    return this.#state === "up" && this.#socket.isConnected();
  }

  /** Whether new topics can use this link: it is connecting for the first time, or up. */
  get isUsable(): boolean {
    return this.#state === "connecting" || this.up;
  }

  has(topic: string): boolean {
    return this.#topics.has(topic);
  }

  /** Registers the owner of a topic, unless the topic already has one. The owner receives the topic's frames. */
  claim(topic: string, owner: TopicOwner): void {
    if (!this.#topics.has(topic)) this.#topics.set(topic, owner);
  }

  release(topic: string, owner: TopicOwner): void {
    if (this.#topics.get(topic) === owner) this.#topics.delete(topic);
  }

  /** Writes a frame whose reply is passed to `waiter`, and returns its ref. Pushes in flight fail when the link breaks. */
  request(push: Push, waiter: ReplyWaiter, timeoutMs: number, maxLength: number = Infinity): string {
    const ref = this.#socket.makeRef();
    this.#write(push, ref, maxLength);
    this.#lastRef = Number(ref);
    this.#pending.add(ref, waiter, timeoutMs);
    return ref;
  }

  /**
   * Writes a frame that needs no reply. A node that reads batches does not reply to a frame without a ref; with one request in flight, such
   * replies would be a fifth of its writes. Other nodes get a ref, as they may reply in any case.
   */
  post(push: Push): void {
    const ref = this.readsExtensions ? null : this.#socket.makeRef();
    this.#write(push, ref, Infinity);
    if (ref !== null) this.#lastRef = Number(ref);
  }

  forget(ref: string): void {
    this.#pending.forget(ref);
  }

  /** Fails the pushes in flight of one owner. */
  fail(owner: object, error: NodeTransportError): void {
    this.#pending.fail(error, owner);
  }

  /** Removes an owner. The last one closes the link; the promise then resolves when the socket is closed. */
  async leave(owner: TopicOwner): Promise<void> {
    for (const [topic, holder] of this.#topics) {
      if (holder === owner) this.#topics.delete(topic);
    }
    if (this.#topics.size > 0) return;
    if (this.#state !== "ended") this.#end();
    await this.#gone.promise;
  }

  #write({ topic, event, payload, joinRef }: Push, ref: string | null, maxLength: number): void {
    // Phoenix would keep the frame and send it after a reconnect, when its push has already failed.
    if (!this.up) throw new NodeTransportError("not_connected", "The link to the node is down");
    const frame = encodeFrame(joinRef ?? ref, ref, topic, event, payload);
    // A UTF-16 unit takes three bytes of UTF-8 at most.
    const bytes = frame.length * 3 > maxLength ? Buffer.byteLength(frame) : 0;
    if (bytes > maxLength) {
      const text = `The message takes ${bytes} bytes as a frame, limit ${maxLength} (limits.maxMessageLength)`;
      throw new NodeTransportError("message_too_large", text);
    }
    this.#current?.send(frame);
  }

  #adopt(socket: NodeSocket): void {
    // Phoenix may replace a socket that closes slowly.
    if (this.#state === "up") this.#onLost(1006, undefined);
    this.#current = socket;
    const heard = () => this.#watchdog.heard();
    socket.on("ping", heard);
    socket.on("pong", heard);
    // Registered before phoenix's own listener, so that a link that ends here is not scheduled to reconnect.
    socket.on("close", (code) => {
      if (socket === this.#current) this.#onClose(code, socket);
    });
  }

  #onOpen(): void {
    this.#config.endpoint.accepted();
    this.#state = "up";
    this.#works = false;
    this.#watchdog.start();
    for (const owner of this.#owners()) owner.onUp();
  }

  #onClose(code: number, socket: NodeSocket): void {
    this.#watchdog.stop();
    const { endpoint } = this.#config;
    const before = this.#state;
    if (before === "ended") this.#dispose();
    else if (isUnauthorized(socket)) {
      if (before === "connecting" && endpoint.fallBack()) this.#reopen();
      else this.#endWith(unauthorized(endpoint.label, socket));
    } else if (before === "connecting") this.#endWith(unreachable(endpoint.label, socket));
    else if (before === "up") this.#onLost(code, socket.failure);
  }

  #onLost(code: number, failure: Error | undefined): void {
    this.#state = "down";
    const { endpoint, settings } = this.#config;
    if (isProtocolError(failure)) this.#faultAll(protocolBroken(failure, settings.limits.maxFrameLength));
    // The back-off starts over only after the node has sent a readable frame.
    else if (this.#works) this.#backoff.reset();
    const reason = linkBroke(endpoint.label, code);
    this.#pending.fail(reason);
    for (const owner of this.#owners()) owner.onDown(reason);
  }

  #onData(data: unknown, toPhoenix: (frame: object) => void): void {
    this.#watchdog.heard();
    if (!this.readsExtensions || typeof data !== "string") return this.#onFrame(data, toPhoenix);
    for (const frame of splitBatch(data)) this.#onFrame(frame, toPhoenix);
  }

  #onFrame(data: unknown, toPhoenix: (frame: object) => void): void {
    let frame: Frame;
    try {
      frame = decodeFrame(data);
    } catch (error) {
      this.#faultAll(error as NodeTransportError, data);
      return;
    }
    this.#works = true;
    if (frame.topic === "phoenix") {
      // Phoenix compares the ref with that of its heartbeat.
      toPhoenix({ ...frame, join_ref: frame.joinRef });
    } else if (frame.event === "phx_reply") {
      this.#onReply(frame, data);
    } else {
      const owner = this.#topics.get(frame.topic);
      if (owner !== undefined) owner.onFrame(frame, data);
      // The node confirms the end of a topic after a leave: not a fault.
      else if (frame.event !== "phx_close") this.#faultAll(invalidFrame("The node sent a frame of an unknown topic"), data);
    }
  }

  #onReply({ ref, topic, payload }: Frame, data: unknown): void {
    const reply = decodeReply(payload);
    if (reply === undefined) {
      this.#fault(topic, invalidFrame("The node sent a reply without a status"), data);
    } else if (ref === null || (!this.#pending.settle(ref, reply) && !this.#issued(ref))) {
      this.#fault(topic, invalidFrame("The node replied to nothing that was sent"), data);
    }
  }

  /** Whether a ref was issued here. A reply without a waiter is late, or belongs to a push that needs none. */
  #issued(ref: string): boolean {
    const number = Number(ref);
    return Number.isInteger(number) && number > 0 && number <= this.#lastRef;
  }

  #fault(topic: string, error: NodeTransportError, raw: unknown): void {
    const owner = this.#topics.get(topic);
    if (owner === undefined) this.#faultAll(error, raw);
    else owner.onFault(error, excerptOfFrame(raw));
  }

  #faultAll(error: NodeTransportError, raw?: unknown): void {
    const cut = excerptOfFrame(raw);
    for (const owner of this.#owners()) owner.onFault(error, cut);
  }

  #owners(): Set<TopicOwner> {
    return new Set(this.#topics.values());
  }

  #reopen(): void {
    this.#socket.disconnect();
    this.#socket.connect();
  }

  #endWith(reason: NodeTransportError): void {
    const owners = this.#owners();
    this.#topics.clear();
    this.#state = "ended";
    this.#config.onEnd(this);
    this.#dispose();
    for (const owner of owners) owner.onEnd(reason);
  }

  #end(): void {
    this.#state = "ended";
    this.#config.onEnd(this);
    const current = this.#current;
    if (current === undefined || current.readyState === NodeSocket.CLOSED) this.#dispose();
    else if (current.readyState === NodeSocket.CONNECTING) current.terminate();
    else current.close(1000);
  }

  /** Stops phoenix's timers. The WebSocket is already closed. */
  #dispose(): void {
    this.#socket.disconnect();
    this.#gone.resolve();
  }
}

interface Heartbeat {
  readonly ref: string;
  readonly topic: string;
  readonly event: string;
}

/** Phoenix itself pushes heartbeats only. */
function heartbeat({ ref, topic, event }: Heartbeat): string {
  return encodeFrame(null, ref, topic, event, "{}");
}
