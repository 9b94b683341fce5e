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

/** Messages whose age is known, and hosts whose history is kept. */
const MAX_WAITING = 20_000;
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
  /** Times at which messages were accepted, by id, the oldest first; negative when their events are only counted. Settled ones are removed. */
  readonly #waiting = new ChurnMap<string, number>();
  readonly #budget = new MessageBudget();
  readonly #hosts = new Map<string, HostHistory>();
  #durations: number[] = [];
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

  /** The time at which the longest waiting message was accepted, in milliseconds since 1970, of those accepted since the start. */
  get oldestWaiting(): number | undefined {
    const [oldest] = this.#waiting;
    return oldest && Math.abs(oldest[1]);
  }

  record(event: AdminEvent): void {
    this.#count(event.kind);
    this.#record(event);
  }

  /** Calls the given listeners, and records their events. */
  observe(events: RouterEvents): RouterEvents {
    return {
      ...events,
      onAccepted: (inbound) => {
        events.onAccepted?.(inbound);
        const { id, type, thread, parentThread, sender: from, recipients: to, text, remote } = inbound;
        const now = this.#now();
        const isRecorded = this.#budget.take(now);
        if (this.#waiting.size < MAX_WAITING) this.#waiting.set(id, isRecorded ? now : -now);
        const kind = remote ? "remote-accepted" : "accepted";
        if (!isRecorded) return this.#count(kind);
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
        const { id, type, thread, parentThread, from, recipient } = message;
        if (attempt === 1 && this.#isOmitted(id)) return this.#count("delivered");
        this.record({ kind: "delivered", id, type, thread, parentThread, from, to: [recipient], attempt });
      },
      onSettled: (message, outcome, ms) => {
        events.onSettled?.(message, outcome, ms);
        const { id, type, thread, parentThread, from, recipient } = message;
        const isOmitted = this.#isOmitted(id);
        this.#waiting.delete(id);
        if (this.#durations.length < MAX_DURATIONS) this.#durations.push(ms);
        if (isOmitted && outcome === "handled") return this.#count("settled");
        this.record({ kind: "settled", id, type, thread, parentThread, from, to: [recipient], outcome, ms: Math.round(ms * 10) / 10 });
      },
      onDead: (cause, message) => {
        events.onDead(cause, message);
        const { id, type, from, recipient } = message;
        const { thread } = message as { readonly thread?: string | undefined };
        this.#waiting.delete(id);
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
    const isOmitted = this.#isOmitted(id);
    this.#waiting.delete(id);
    const host = this.#host(recipient);
    host.sent += 1;
    host.lastSentAt = this.#now();
    if (isOmitted) return this.#count("remote-sent");
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
    this.#waiting.delete(id);
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
    const omitted = this.#budget.takeOmitted();
    if (omitted > 0) this.record({ kind: "omitted", count: omitted });
    const count = (kind: AdminEvent["kind"]): number => this.#counts.get(kind) ?? 0;
    const durations = this.#durations.toSorted((one, other) => one - other);
    this.#durations = [];
    const at = (share: number): number => durations[Math.min(durations.length - 1, Math.floor(share * durations.length))] ?? 0;
    return {
      acceptedTotal: count("accepted") + count("remote-accepted"),
      deliveredTotal: count("delivered"),
      settledTotal: count("settled"),
      refusedTotal: count("refused"),
      deadTotal: count("dead") + count("remote-dead"),
      remoteSentTotal: count("remote-sent"),
      settle50Ms: at(0.5),
      settle95Ms: at(0.95),
      oldestMs: this.oldestWaiting === undefined ? 0 : this.#now() - this.oldestWaiting,
    };
  }

  #count(kind: AdminEvent["kind"]): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  /** Whether the events of a message are only counted. One that was accepted before the start has events of its own. */
  #isOmitted(id: string): boolean {
    return (this.#waiting.get(id) ?? 0) < 0;
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
