import { isJsonObject } from "@parley/core";
import type { JetstreamConnection } from "@parley/jetstream";
import type { Depth, InboxLimits } from "../inbox/inbox.ts";
import { NO_USAGE, OwnerUsage } from "../inbox/owner-usage.ts";

/** Options of {@link OwnerReports}. */
export interface OwnerReportsOptions {
  readonly connection: JetstreamConnection;
  /** Names this server. */
  readonly instance: string;
  readonly limits: Pick<InboxLimits, "maxMessagesPerOwner" | "maxLengthPerOwner">;
  /** Number of running servers. */
  servers(): number;
}

/** The latest report of another server. */
interface Report {
  round: number;
  heardAt: number;
  readonly owners: Map<string, Depth>;
}

const REPORT_EVERY_MS = 2000;
/** A server is forgotten after this time without a report. */
const FORGET_AFTER_MS = 10_000;
/** Part of a limit that all servers together may leave out of their reports. */
const UNREPORTED = 1 / 16;
/** Largest number of servers by which that part is divided. */
const MAX_SERVERS = 64;
/** Owners in one message. */
const MAX_OWNERS = 1000;

/**
 * What the owners of recipients (API keys) have in the inboxes of all servers. Every two seconds each server reports, over NATS without JetStream, the
 * owners that have much in inboxes that it looks after. Nothing is stored.
 */
export class OwnerReports {
  readonly #options: OwnerReportsOptions;
  readonly #subject: string;
  /** What is in the inboxes of the other servers. */
  readonly #elsewhere = new OwnerUsage();
  readonly #reports = new Map<string, Report>();
  /** Owners of this server who may have to be reported. */
  readonly #large = new Map<string, Depth>();
  readonly #stop: () => void;
  #round = 0;
  #wasReported = false;

  constructor(options: OwnerReportsOptions) {
    this.#options = options;
    const { nc, prefix } = options.connection;
    this.#subject = `${prefix}.owner-usage`;
    const subscription = nc.subscribe(this.#subject, {
      callback: (error, { data }) => {
        if (error === null) this.#receive(data);
      },
    });
    const timer = setInterval(() => {
      this.#forget();
      this.#report();
    }, REPORT_EVERY_MS).unref();
    this.#stop = () => {
      clearInterval(timer);
      subscription.unsubscribe();
    };
  }

  /** The usage of an owner in the inboxes of other servers, as far as they have reported it. */
  elsewhere(owner: string | undefined): Depth {
    return this.#elsewhere.of(owner);
  }

  /** Sets what an owner has in the inboxes that this server looks after. */
  note(owner: string, usage: Depth): void {
    if (this.#isLarge(usage, MAX_SERVERS)) this.#large.set(owner, { ...usage });
    else this.#large.delete(owner);
  }

  /** Reports to other servers that this one has no inboxes. */
  close(): void {
    this.#stop();
    this.#large.clear();
    this.#report();
  }

  #isLarge({ messages, length }: Depth, servers: number): boolean {
    const { maxMessagesPerOwner, maxLengthPerOwner } = this.#options.limits;
    const part = UNREPORTED / Math.min(servers, MAX_SERVERS);
    return messages > part * maxMessagesPerOwner || length > part * maxLengthPerOwner;
  }

  #report(): void {
    const servers = this.#options.servers();
    const owners = [...this.#large].filter(([, usage]) => this.#isLarge(usage, servers));
    if (owners.length === 0 && !this.#wasReported) return;
    this.#wasReported = owners.length > 0;
    this.#round += 1;
    const rows = owners.map(([owner, { messages, length }]) => [owner, messages, length]);
    for (let start = 0; start === 0 || start < rows.length; start += MAX_OWNERS) {
      const report = { from: this.#options.instance, round: this.#round, owners: rows.slice(start, start + MAX_OWNERS) };
      try {
        this.#options.connection.nc.publish(this.#subject, JSON.stringify(report));
      } catch {
        // The connection is closed.
      }
    }
  }

  #receive(data: Uint8Array): void {
    const { from, round, owners } = parse(data);
    if (typeof from !== "string" || from === this.#options.instance || typeof round !== "number" || !Array.isArray(owners)) return;
    const report = this.#reports.get(from) ?? { round, heardAt: 0, owners: new Map<string, Depth>() };
    this.#reports.set(from, report);
    report.heardAt = performance.now();
    if (report.round !== round) this.#clear(report);
    report.round = round;
    for (const [owner, messages, length] of owners as unknown[][]) {
      if (typeof owner !== "string" || typeof messages !== "number" || typeof length !== "number") continue;
      const former = report.owners.get(owner) ?? NO_USAGE;
      report.owners.set(owner, { messages, length });
      this.#elsewhere.change(owner, messages - former.messages, length - former.length);
    }
  }

  /** Servers that have ended. */
  #forget(): void {
    for (const [server, report] of this.#reports) {
      if (performance.now() - report.heardAt <= FORGET_AFTER_MS) continue;
      this.#clear(report);
      this.#reports.delete(server);
    }
  }

  #clear({ owners }: Report): void {
    for (const [owner, { messages, length }] of owners) this.#elsewhere.change(owner, -messages, -length);
    owners.clear();
  }
}

function parse(data: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}
