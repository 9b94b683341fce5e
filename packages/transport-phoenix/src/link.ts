import { TransportError } from "@parley/core";
import { deferred, splitBatch } from "@parley/core/internal";
import { Socket } from "phoenix";
import type { Endpoint } from "./endpoint.ts";
import { invalidFrame, isProtocolError, isUnauthorized, linkBroke, protocolBroken, unauthorized, unreachable } from "./errors.ts";
import { decodeFrame, decodeReply, encodeFrame, excerptOfFrame, type Frame } from "./frame.ts";
import { NodeSocket } from "./node-socket.ts";
import type { Settings, TlsOptions } from "./options.ts";
import { PendingReplies, type ReplyWaiter } from "./pending-replies.ts";
import { Backoff } from "./reconnect-policy.ts";
import { Watchdog } from "./watchdog.ts";

/** A topic's holder on a {@link Link}. */
export interface LinkMember {
  onUp(): void;
  /** The link broke and will come back. */
  onDown(reason: TransportError): void;
  /** A frame of this member's topic other than a reply. */
  onFrame(frame: Frame, raw: unknown): void;
  onFault(error: TransportError, raw: unknown): void;
  /** The link ended for good. */
  onEnd(reason: TransportError): void;
}

/** What a {@link Link} is made of. */
export interface LinkConfig {
  readonly endpoint: Endpoint;
  readonly settings: Settings;
  readonly tls: TlsOptions;
  /** The link takes no more members: it ended, or is about to. */
  readonly onEnd: (link: Link) => void;
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
 * One WebSocket to the node and the topics on it. Opens when made, comes back after losses, ends when its last member leaves or the
 * node refuses the key.
 *
 * Phoenix' `Socket` keeps the heartbeat and the reconnect timer. Its `Channel` is left out: it retries refused joins for ever, keeps
 * its topic for life, doesn't wait for the answer to a leave, leaves pushes in flight to their timeouts when the link breaks, and
 * spends a timer on each. So topics are joined in {@link Membership}, and pushes wait in {@link PendingReplies}.
 */
export class Link {
  readonly #config: LinkConfig;
  readonly #socket: Socket;
  readonly #pending = new PendingReplies();
  readonly #watchdog: Watchdog;
  readonly #topics = new Map<string, LinkMember>();
  readonly #backoff: Backoff;
  readonly #gone = deferred<void>();
  #current: NodeSocket | undefined;
  #state: "connecting" | "up" | "down" | "ended" = "connecting";
  #lastRef = 0;
  /** Whether the node has sent anything readable since the link opened. */
  #works = false;

  constructor(config: LinkConfig) {
    this.#config = config;
    const { endpoint, tls, settings } = config;
    const { timeouts, limits } = settings;
    this.#backoff = new Backoff(settings.backoff);
    const adopt = (socket: NodeSocket) => this.#adopt(socket);
    this.#watchdog = new Watchdog(timeouts.silenceMs, () => this.#current?.terminate());
    this.#socket = new Socket(endpoint.label, {
      // Phoenix composes a URL of its own; the endpoint knows better.
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
      // All that phoenix writes itself; pushes go straight to the socket.
      encode: (push: object, callback) => void callback(heartbeat(push as Heartbeat)),
      decode: (data: unknown, callback) => this.#onData(data, (frame) => void callback(frame)),
      heartbeatIntervalMs: timeouts.heartbeatMs,
      reconnectAfterMs: () => this.#backoff.next(),
      // Else phoenix reaches for the global one, which some versions of Node warn about.
      sessionStorage: {},
    });
    this.#socket.onOpen(() => this.#onOpen());
    this.#socket.connect();
  }

  /** The node's address without secrets, for messages. */
  get label(): string {
    return this.#config.endpoint.label;
  }

  /** What to add to this machine's clock to get the node's, in milliseconds. */
  get clockOffsetMs(): number {
    return this.#current?.clockOffsetMs ?? 0;
  }

  /** Whether frames can be written now. */
  get up(): boolean {
    return this.#state === "up" && this.#socket.isConnected();
  }

  /** Whether a new member may count on this link: it has not failed so far. */
  get promising(): boolean {
    return this.#state === "connecting" || this.up;
  }

  has(topic: string): boolean {
    return this.#topics.has(topic);
  }

  /** Gives a topic to a member, who gets its frames from now on. Whoever holds it keeps it. */
  occupy(topic: string, member: LinkMember): void {
    if (!this.#topics.has(topic)) this.#topics.set(topic, member);
  }

  vacate(topic: string, member: LinkMember): void {
    if (this.#topics.get(topic) === member) this.#topics.delete(topic);
  }

  /** Writes a frame and waits for its reply; answers its ref. A push that is in flight when the link breaks fails at once. */
  request(push: Push, waiter: ReplyWaiter, timeoutMs: number, maxLength: number = Infinity): string {
    const ref = this.#write(push, maxLength);
    this.#pending.add(ref, waiter, timeoutMs);
    return ref;
  }

  /** Writes a frame that needs no reply. */
  post(push: Push): void {
    this.#write(push, Infinity);
  }

  forget(ref: string): void {
    this.#pending.forget(ref);
  }

  /** Fails what a member waits for. */
  fail(owner: object, error: TransportError): void {
    this.#pending.fail(error, owner);
  }

  /** Takes a member off the link. The last one closes it; resolves once the socket is gone then. */
  async leave(member: LinkMember): Promise<void> {
    for (const [topic, holder] of this.#topics) {
      if (holder === member) this.#topics.delete(topic);
    }
    if (this.#topics.size > 0) return;
    if (this.#state !== "ended") this.#end();
    await this.#gone.promise;
  }

  #write({ topic, event, payload, joinRef }: Push, maxLength: number): string {
    // Phoenix would keep the frame and send it after reconnecting, when nobody waits for it any more.
    if (!this.up) throw new TransportError("not_connected", "The link to the node is down");
    const ref = this.#socket.makeRef();
    this.#lastRef = Number(ref);
    const frame = encodeFrame(joinRef ?? ref, ref, topic, event, payload);
    // A UTF-16 unit takes three bytes of UTF-8 at most.
    const bytes = frame.length * 3 > maxLength ? Buffer.byteLength(frame) : 0;
    if (bytes > maxLength) {
      const text = `The message takes ${bytes} bytes as a frame, limit ${maxLength} (limits.maxMessageLength)`;
      throw new TransportError("message_too_large", text);
    }
    this.#current?.send(frame);
    return ref;
  }

  #adopt(socket: NodeSocket): void {
    // Phoenix may give up on a socket that takes its time to close.
    if (this.#state === "up") this.#onLost(1006, undefined);
    this.#current = socket;
    const heard = () => this.#watchdog.heard();
    socket.on("ping", heard);
    socket.on("pong", heard);
    // Ahead of phoenix, which has not seen the socket yet: what ends here must not be scheduled to come back.
    socket.on("close", (code) => {
      if (socket === this.#current) this.#onClose(code, socket);
    });
  }

  #onOpen(): void {
    this.#config.endpoint.accepted();
    this.#state = "up";
    this.#works = false;
    this.#watchdog.start();
    for (const member of this.#members()) member.onUp();
  }

  #onClose(code: number, socket: NodeSocket): void {
    this.#watchdog.stop();
    const { endpoint } = this.#config;
    const before = this.#state;
    if (before === "ended") this.#dispose();
    else if (isUnauthorized(socket)) {
      if (before === "connecting" && endpoint.fallBack()) this.#reopen();
      else this.#die(unauthorized(endpoint.label, socket));
    } else if (before === "connecting") this.#die(unreachable(endpoint.label, socket));
    else if (before === "up") this.#onLost(code, socket.failure);
  }

  #onLost(code: number, failure: Error | undefined): void {
    this.#state = "down";
    const { endpoint, settings } = this.#config;
    // A node that accepts us but says nothing, or nothing that can be read, has not earned a fresh start.
    if (isProtocolError(failure)) this.#faultAll(protocolBroken(failure, settings.limits.maxFrameLength));
    else if (this.#works) this.#backoff.reset();
    const reason = linkBroke(endpoint.label, code);
    this.#pending.fail(reason);
    for (const member of this.#members()) member.onDown(reason);
  }

  #onData(data: unknown, toPhoenix: (frame: object) => void): void {
    this.#watchdog.heard();
    if (this.#current?.readsBatches !== true || typeof data !== "string") return this.#onFrame(data, toPhoenix);
    for (const frame of splitBatch(data)) this.#onFrame(frame, toPhoenix);
  }

  #onFrame(data: unknown, toPhoenix: (frame: object) => void): void {
    let frame: Frame;
    try {
      frame = decodeFrame(data);
    } catch (error) {
      this.#faultAll(error as TransportError, data);
      return;
    }
    this.#works = true;
    if (frame.topic === "phoenix") {
      // Phoenix compares the ref with its heartbeat's and ignores the rest.
      toPhoenix({ ...frame, join_ref: frame.joinRef });
    } else if (frame.event === "phx_reply") {
      this.#onReply(frame, data);
    } else {
      const member = this.#topics.get(frame.topic);
      if (member !== undefined) member.onFrame(frame, data);
      // The end of a topic that was left already is no news.
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

  /** Whether a ref was ours. A reply nobody waits for is late, or belongs to a push that needs none. */
  #issued(ref: string): boolean {
    const number = Number(ref);
    return Number.isInteger(number) && number > 0 && number <= this.#lastRef;
  }

  #fault(topic: string, error: TransportError, raw: unknown): void {
    const member = this.#topics.get(topic);
    if (member === undefined) this.#faultAll(error, raw);
    else member.onFault(error, excerptOfFrame(raw));
  }

  #faultAll(error: TransportError, raw?: unknown): void {
    const cut = excerptOfFrame(raw);
    for (const member of this.#members()) member.onFault(error, cut);
  }

  #members(): Set<LinkMember> {
    return new Set(this.#topics.values());
  }

  #reopen(): void {
    this.#socket.disconnect();
    this.#socket.connect();
  }

  #die(reason: TransportError): void {
    const members = this.#members();
    this.#topics.clear();
    this.#state = "ended";
    this.#config.onEnd(this);
    this.#dispose();
    for (const member of members) member.onEnd(reason);
  }

  #end(): void {
    this.#state = "ended";
    this.#config.onEnd(this);
    const current = this.#current;
    if (current === undefined || current.readyState === NodeSocket.CLOSED) this.#dispose();
    else if (current.readyState === NodeSocket.CONNECTING) current.terminate();
    else current.close(1000);
  }

  /** Ends phoenix' timers. With the WebSocket closed before, nothing is left to wait for. */
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

/** Phoenix' own pushes are heartbeats. */
function heartbeat({ ref, topic, event }: Heartbeat): string {
  return encodeFrame(null, ref, topic, event, "{}");
}
