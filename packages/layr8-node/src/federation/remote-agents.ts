import type { Message } from "@parley/core";
import { nodeHoldsKeys } from "../credentials/hosted-resolver.ts";
import { ACCEPTED, type AcceptResult } from "../routing/accept-result.ts";
import { PASSED, rejected, type CheckResult } from "../routing/rejection.ts";
import { isBuiltinAnswer } from "../routing/builtin-protocols.ts";
import type { Remote } from "../routing/remote.ts";
import type { Outbound, OutboundMessage } from "./outbound/outbound.ts";
import type { RemoteDidCheck } from "./remote-did-check.ts";

/** Options of {@link RemoteAgents}. */
export interface RemoteAgentsOptions {
  /** Returns `undefined` while the node starts or stops. */
  readonly outbound: () => Outbound | undefined;
  readonly remoteDidCheck: () => RemoteDidCheck;
  /** Lifetime of a message without `expires_time`, in milliseconds. */
  readonly messageTtlMs: number;
  /** Start of the lifetime of a message without `expires_time`: milliseconds since 1970. */
  readonly now: () => number;
}

/** Share of a sender's and of a host's outbox that system messages may fill. */
const OWN_SHARE = 1 / 2;
/** Lifetime of responses of built-in protocols, in milliseconds: their requesters don't wait longer. */
const ANSWER_TTL_MS = 10 * 60_000;

/** Sends to agents on other nodes: checks recipients without network access, and enqueues messages durably. */
export class RemoteAgents implements Remote {
  readonly #options: RemoteAgentsOptions;

  constructor(options: RemoteAgentsOptions) {
    this.#options = options;
  }

  check(sender: string, recipient: string): CheckResult {
    const why = this.#options.remoteDidCheck().refusal(recipient, sender);
    if (why !== undefined) return rejected({ label: "unknown_recipient", reason: `unknown recipient: ${why}` });
    if (nodeHoldsKeys(sender)) return PASSED;
    const reason = "unreachable: the node can't encrypt for other nodes in the name of a did:key, whose key it doesn't have";
    return rejected({ label: "unreachable", reason });
  }

  async send(message: Message, text: string, recipient: string): Promise<AcceptResult> {
    const queue = this.#options.outbound();
    if (queue === undefined) return rejected({ label: "failed", reason: "the node is not ready: send it again", code: "e.p.me.res.net" });
    const enqueued = await queue.enqueue(this.#outgoing(message, text, recipient, this.#options.messageTtlMs));
    if (enqueued.status === "full") {
      return rejected({
        label: "outbox_full",
        reason: `outbox full: too many messages of ${message.from ?? "this sender"}, of its API key, or for the host of ${recipient}, wait for other nodes`,
        code: "e.p.me.res.storage",
      });
    }
    if (enqueued.status === "stored") await enqueued.durable;
    return ACCEPTED;
  }

  async say(message: Message, text: string, recipient: string): Promise<void> {
    const { outbound, messageTtlMs } = this.#options;
    const ttlMs = isBuiltinAnswer(message) ? Math.min(messageTtlMs, ANSWER_TTL_MS) : messageTtlMs;
    const enqueued = await outbound()?.enqueue(this.#outgoing(message, text, recipient, ttlMs), OWN_SHARE);
    if (enqueued?.status === "stored") await enqueued.durable;
  }

  #outgoing({ id, type, from: sender = "", expiresTime }: Message, plaintext: string, recipient: string, ttlMs: number): OutboundMessage {
    const expiresAt = expiresTime === undefined ? this.#options.now() + ttlMs : expiresTime * 1000;
    return { sender, recipient, id, type, plaintext, expiresAt, expires: expiresTime };
  }
}
