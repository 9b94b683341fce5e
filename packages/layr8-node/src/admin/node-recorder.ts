import { ChurnMap } from "@parley/core/internal";
import type { AdminEvent, AdminRecorder, AdminSample } from "@parley/server-kit";
import type { Problem } from "../routing/respond/failure-reporter.ts";
import type { RouterEvents } from "../routing/router.ts";
import { MessageBudget } from "./message-budget.ts";

/** The last attempts to one host of other nodes. */
export interface HostHistory {
  sent: number;
  failed: number;
  /** Milliseconds since 1970. */
  lastSentAt: number | undefined;
  lastFailureAt: number | undefined;
  lastFailure: string | undefined;
}

/** A message whose events are recorded one by one. */
interface Recorded {
  /** Milliseconds since 1970. */
  readonly acceptedAt: number;
  /** Recipients for which it is neither settled nor sent. */
  open: number;
}

/** Messages with recorded events that wait, and hosts whose history is kept. */
const MAX_WAITING = 20_000;
/** Ended messages of which the node may learn only afterwards that they were accepted: those of one turn of the event loop. */
const MAX_EARLY = 1000;
const MAX_HOSTS = 500;
/** Durations of one second that percentiles are computed from. */
const MAX_DURATIONS = 5000;

/** Codes of causes that have a problem code. */
const CODES: Readonly<Record<string, string>> = {
  expired: "e.p.msg.expired",
  unhandled: "e.p.msg.unsupported",
  damaged: "e.p.me.res.storage",
  too_large: "e.p.msg.too-large",
  deleted: "e.p.xfer.undeliverable",
};

/** Records the events of a node for its console, and derives rates, durations and ages from them. */
export class NodeRecorder {
  readonly #record: AdminRecorder;
  readonly #keepsBodies: boolean;
  readonly #now: () => number;
  readonly #counts = new Map<AdminEvent["kind"], number>();
  /** Events that were counted and not recorded. Fields, because a busy node has 60,000 of them per second. */
  readonly #omitted = { accepted: 0, delivered: 0, settled: 0, remoteSent: 0 };
  /** By id, the oldest first. */
  readonly #recorded = new ChurnMap<string, Recorded>();
  /** Recipients for which a message has ended, by id, of the latest ones: a message that counts as handled once received ends before it is accepted. */
  #early = new Map<string, number>();
  readonly #budget = new MessageBudget();
  readonly #hosts = new Map<string, HostHistory>();
  readonly #durations = new Float64Array(MAX_DURATIONS);
  #durationCount = 0;
  #refusals = new Map<string, number>();

  /** @param options `now` is the time in milliseconds since 1970. */
  constructor(record: AdminRecorder, { keepsBodies, now = Date.now }: { readonly keepsBodies: boolean; readonly now?: () => number }) {
    this.#record = record;
    this.#keepsBodies = keepsBodies;
    this.#now = now;
  }

  /** Refused messages by code. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }

  /** By host of the recipients. */
  get hosts(): ReadonlyMap<string, HostHistory> {
    return this.#hosts;
  }

  /**
   * The time at which the longest waiting message was accepted, in milliseconds since 1970: of those accepted since the start whose events
   * are recorded, which are all unless there are many.
   */
  get oldestWaiting(): number | undefined {
    const [oldest] = this.#recorded;
    return oldest?.[1].acceptedAt;
  }

  /** Nothing waits: what an operator has removed has no event. */
  clearWaiting(): void {
    this.#recorded.clear();
  }

  record(event: AdminEvent): void {
    this.#counts.set(event.kind, (this.#counts.get(event.kind) ?? 0) + 1);
    this.#record(event);
  }

  /** Calls the given listeners, and records their events. */
  observe(events: RouterEvents): RouterEvents {
    return {
      ...events,
      onAccepted: (inbound) => {
        events.onAccepted?.(inbound);
        const acceptedAt = this.#now();
        if (!this.#budget.take(acceptedAt)) {
          this.#omitted.accepted += 1;
          return;
        }
        const { id, type, thread, parentThread, sender: from, recipients: to, text, remote } = inbound;
        const open = to.length - (this.#early.get(id) ?? 0);
        this.#early.delete(id);
        if (open > 0 && this.#recorded.size < MAX_WAITING) this.#recorded.set(id, { acceptedAt, open });
        const kind = remote ? "remote-accepted" : "accepted";
        this.record({ kind, id, type, thread, parentThread, from, to, size: text.length, body: this.#keepsBodies ? text : undefined });
      },
      onRejected: (from, { label, reason, code = label, comment }, inbound) => {
        events.onRejected?.(from, { label, reason, code }, inbound);
        this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
        const about = inbound && {
          id: inbound.id,
          type: inbound.type,
          thread: inbound.thread,
          to: inbound.recipients,
          size: inbound.text.length,
        };
        this.record({ kind: "refused", ...about, from, code, reason: comment === undefined ? reason : `${reason}: ${comment}` });
      },
      onDelivered: (message, attempt) => {
        events.onDelivered(message, attempt);
        if (attempt === 1 && this.#isOmitted(message.id)) {
          this.#omitted.delivered += 1;
          return;
        }
        const { id, type, thread, parentThread, from, recipient } = message;
        this.record({ kind: "delivered", id, type, thread, parentThread, from, to: [recipient], attempt });
      },
      onSettled: (message, outcome, ms) => {
        events.onSettled?.(message, outcome, ms);
        if (this.#durationCount < MAX_DURATIONS) this.#durations[this.#durationCount++] = ms;
        const isOmitted = outcome === "handled" && this.#isOmitted(message.id);
        this.#end(message.id);
        if (isOmitted) {
          this.#omitted.settled += 1;
          return;
        }
        const { id, type, thread, parentThread, from, recipient } = message;
        this.record({
          kind: "settled",
          id,
          type,
          thread,
          parentThread,
          from,
          to: [recipient],
          outcome,
          code: outcome === "error" ? "failed" : undefined,
          ms: Math.round(ms * 10) / 10,
        });
      },
      onDead: (cause, message) => {
        events.onDead(cause, message);
        const { id, type, from, recipient } = message;
        const { thread } = message as { readonly thread?: string | undefined };
        this.#end(id);
        this.record({ kind: "dead", id, type, thread, from, to: [recipient], code: CODES[cause] ?? cause });
      },
      onDropped: (message, reason) => {
        events.onDropped(message, reason);
        const { id, type, from, recipient } = message;
        this.record({ kind: "dropped", id, type, from, to: [recipient], reason });
      },
    };
  }

  remoteSent({
    id,
    type,
    sender,
    recipient,
  }: {
    readonly id: string;
    readonly type: string;
    readonly sender: string;
    readonly recipient: string;
  }): void {
    const host = this.#host(recipient);
    host.sent += 1;
    host.lastSentAt = this.#now();
    if (this.#isOmitted(id)) {
      this.#omitted.remoteSent += 1;
      return;
    }
    this.#end(id);
    this.record({ kind: "remote-sent", id, type, from: sender, to: [recipient] });
  }

  remoteRetry(from: string, recipient: string, reason: string): void {
    this.#failed(recipient, reason);
    this.record({ kind: "remote-retry", from, to: [recipient], reason });
  }

  remoteDead(
    { id, type, sender, recipient }: { readonly id: string; readonly type: string; readonly sender: string; readonly recipient: string },
    { code, comment }: Problem,
    isPurged: boolean,
  ): void {
    this.#end(id);
    // A purge says nothing about the other node.
    if (!isPurged) this.#failed(recipient, comment);
    this.record({ kind: "remote-dead", id, type, from: sender, to: [recipient], code, reason: comment });
  }

  /** Something failed inside the node. The log has it. */
  failed(): void {
    this.record({ kind: "failure", reason: "internal failure: see the node's log" });
  }

  /** Counts since the start, and durations since the last call. Records how many messages were only counted since then. */
  sample(): AdminSample {
    const omittedMessages = this.#budget.takeOmitted();
    if (omittedMessages > 0) this.record({ kind: "omitted", count: omittedMessages });
    const { accepted, delivered, settled, remoteSent } = this.#omitted;
    const count = (kind: AdminEvent["kind"]): number => this.#counts.get(kind) ?? 0;
    const durations = this.#durations.subarray(0, this.#durationCount).toSorted();
    this.#durationCount = 0;
    const at = (share: number): number => durations[Math.min(durations.length - 1, Math.floor(share * durations.length))] ?? 0;
    return {
      acceptedTotal: accepted + count("accepted") + count("remote-accepted"),
      deliveredTotal: delivered + count("delivered"),
      settledTotal: settled + count("settled"),
      refusedTotal: count("refused"),
      deadTotal: count("dead") + count("remote-dead"),
      remoteSentTotal: remoteSent + count("remote-sent"),
      settle50Ms: at(0.5),
      settle95Ms: at(0.95),
      oldestMs: this.oldestWaiting === undefined ? 0 : this.#now() - this.oldestWaiting,
    };
  }

  /** Whether the events of a message are only counted. Until the first one is omitted, an unknown message was accepted before the start. */
  #isOmitted(id: string): boolean {
    return this.#budget.hasOmitted && !this.#recorded.has(id);
  }

  /** A message is settled or sent for one recipient. */
  #end(id: string): void {
    const recorded = this.#recorded.get(id);
    if (recorded === undefined) {
      // Ended early, counted only, or accepted before the start.
      if (this.#early.size >= MAX_EARLY) this.#early = new Map();
      this.#early.set(id, (this.#early.get(id) ?? 0) + 1);
      return;
    }
    recorded.open -= 1;
    if (recorded.open <= 0) this.#recorded.delete(id);
  }

  #failed(recipient: string, reason: string): void {
    const host = this.#host(recipient);
    host.failed += 1;
    host.lastFailureAt = this.#now();
    host.lastFailure = reason;
  }

  #host(did: string): HostHistory {
    const name = hostOf(did);
    let host = this.#hosts.get(name);
    if (host === undefined) {
      const [oldest] = this.#hosts.keys();
      if (this.#hosts.size >= MAX_HOSTS && oldest !== undefined) this.#hosts.delete(oldest);
      host = { sent: 0, failed: 0, lastSentAt: undefined, lastFailureAt: undefined, lastFailure: undefined };
      this.#hosts.set(name, host);
    }
    return host;
  }
}

/** The host of a did:web DID, as in URLs; the method of others. */
function hostOf(did: string): string {
  const [, method = "", name = ""] = did.split(":");
  return method === "web" ? name.replace(/%3A/i, ":") : `did:${method}`;
}
