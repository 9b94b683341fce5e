import { JetstreamError, type ServerLinks } from "@parley/jetstream";
import { encodeMessage } from "../inbox/message-record.ts";
import type { InboxMessage } from "../inbox/inbox.ts";
import type { Consumer, Probe } from "../routing/deliver/consumer.ts";
import type { Mailbox } from "../routing/deliver/mailbox.ts";

/** A connection at another node, as that node describes it. */
export interface RemoteConnection {
  /** Its node, and the connection's name there. */
  readonly server: string;
  readonly id: number;
  /** See {@link Consumer}. */
  readonly owner: string | undefined;
  readonly acknowledgesResponses: boolean;
  readonly replies: boolean;
  readonly writable: boolean;
}

/** Longest wait for one confirmation, in milliseconds. An agent that takes longer is asked again. */
const CONFIRM_WITHIN_MS = 60_000;

/** A connection at another node, bound to a mailbox of this one. */
export class RemoteConsumer implements Consumer {
  readonly server: string;
  readonly id: number;
  readonly owner: string | undefined;
  readonly acknowledgesResponses: boolean;
  readonly replies: boolean;
  readonly mailbox: Mailbox;
  readonly quietSince: number;
  writable: boolean;
  lastHeardAt: number;
  isEnded = false;
  readonly #links: ServerLinks;
  readonly #now: () => number;

  /** @param now milliseconds on the monotonic clock. */
  constructor(
    { server, id, owner, acknowledgesResponses, replies, writable }: RemoteConnection,
    mailbox: Mailbox,
    links: ServerLinks,
    now: () => number,
  ) {
    this.server = server;
    this.id = id;
    this.owner = owner;
    this.acknowledgesResponses = acknowledgesResponses;
    this.replies = replies;
    this.writable = writable;
    this.mailbox = mailbox;
    this.#links = links;
    this.#now = now;
    this.quietSince = now();
    this.lastHeardAt = this.quietSince;
  }

  /** Something of the agent has arrived. */
  heard(): void {
    this.lastHeardAt = this.#now();
  }

  deliver(message: InboxMessage, attempt: number): void {
    const { seq, attempts } = message;
    this.#links.send(this.server, { t: "deliver", c: this.id, seq, attempts, attempt }, encodeMessage(message));
  }

  /** Stays pending if the connection ends. */
  async confirm(): Promise<void> {
    while (!this.isEnded) {
      try {
        await this.#links.call(this.server, { t: "confirm", c: this.id }, CONFIRM_WITHIN_MS);
        return this.heard();
      } catch (error) {
        if (!(error instanceof JetstreamError) || error.code !== "call_timeout") break;
      }
    }
    return new Promise(() => undefined);
  }

  /** Its link has probes of other DIDs too, which are not known here: one that breaks it may be blamed for theirs. */
  probe(probe: Probe): void {
    if (probe.send()) void this.confirm().then(() => probe.arrived(() => undefined));
  }

  takenOver(): void {
    this.#links.send(this.server, { t: "takenOver", c: this.id });
  }

  /** The mailbox has moved to another node. */
  displace(): void {
    this.isEnded = true;
    this.#links.send(this.server, { t: "displaced", c: this.id });
  }
}
