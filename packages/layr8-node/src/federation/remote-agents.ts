import type { Message } from "@parley/core";
import { nodeHoldsKeys } from "../network/hosted-resolver.ts";
import { ACCEPTED, rejected, type AcceptResult, type CheckResult } from "../routing/rejection.ts";
import { isBuiltinResponse } from "../routing/respond/builtin-protocols.ts";
import type { AuditTrail } from "../routing/audit-trail.ts";
import type { Remote } from "../routing/remote.ts";
import type { Outbound } from "./outbound/outbound.ts";
import type { OutboundMessage } from "./outbound/outbound-message.ts";
import type { RemoteDidCheck } from "./remote-did-check.ts";

/** Options of {@link RemoteAgents}. */
export interface RemoteAgentsOptions {
  /** Lifetime of a message without `expires_time`, in milliseconds. */
  readonly messageTtlMs: number;
  /** Start of the lifetime of a message without `expires_time`: milliseconds since 1970. */
  readonly now: () => number;
  /** Records accepted messages. Default: none. */
  readonly audit?: AuditTrail | undefined;
  /** Whether the agent of a hosted DID holds its keys itself. */
  readonly keysAtAgent: (did: string) => boolean;
}

/** Share of a sender's and of a host's outbox that system messages may fill. */
const SYSTEM_SHARE = 1 / 2;
/** Lifetime of responses of built-in protocols, in milliseconds: their requesters don't wait longer. */
const RESPONSE_TTL_MS = 10 * 60_000;

const NOT_READY = rejected({ label: "failed", reason: "the node is not ready: send it again", code: "e.p.me.res.net" });

const DID_KEY = rejected({
  label: "unreachable",
  reason: "unreachable: other nodes can't find a did:key to respond to, and the node can't encrypt for them in its name",
});
const NOT_ENCRYPTED = rejected({
  label: "unreachable",
  reason: "unreachable: the node can't encrypt for other nodes in the name of a DID whose agent holds its keys itself",
});

/** Sends to agents on other nodes: checks recipients without network access, and enqueues messages durably. */
export class RemoteAgents implements Remote {
  readonly #options: RemoteAgentsOptions;
  #outbound: Outbound | undefined;
  #remoteDidCheck: RemoteDidCheck | undefined;

  constructor(options: RemoteAgentsOptions) {
    this.#options = options;
  }

  /** Called when the outbound queue is open. */
  start(outbound: Outbound, remoteDidCheck: RemoteDidCheck): void {
    this.#outbound = outbound;
    this.#remoteDidCheck = remoteDidCheck;
  }

  check(sender: string, recipient: string, isEncrypted = false): CheckResult {
    const checked = this.#remoteDidCheck?.check(recipient, sender) ?? NOT_READY;
    if (!checked.ok) return checked;
    if (!nodeHoldsKeys(sender)) return DID_KEY;
    return isEncrypted || !this.#options.keysAtAgent(sender) ? checked : NOT_ENCRYPTED;
  }

  async send(message: Message, text: string, recipient: string): Promise<AcceptResult> {
    if (this.#outbound === undefined) return NOT_READY;
    const enqueued = await this.#outbound.enqueue(this.#outgoing(message, text, recipient, this.#options.messageTtlMs));
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

  async sendSystemMessage(message: Message, text: string, recipient: string): Promise<void> {
    const { messageTtlMs } = this.#options;
    const ttlMs = isBuiltinResponse(message) ? Math.min(messageTtlMs, RESPONSE_TTL_MS) : messageTtlMs;
    const enqueued = await this.#outbound?.enqueue(this.#outgoing(message, text, recipient, ttlMs), SYSTEM_SHARE);
    if (enqueued?.status === "stored") await enqueued.durable;
  }

  #outgoing(
    { id, type, from: sender = "", threadId: thread, expiresTime }: Message,
    plaintext: string,
    recipient: string,
    ttlMs: number,
  ): OutboundMessage {
    const { audit } = this.#options;
    const onAppend =
      audit && ((): void => audit.accepted({ from: sender, isFromProven: true, to: recipient, id, type, thread, plaintext }));
    const expiresAt = expiresTime === undefined ? this.#options.now() + ttlMs : expiresTime * 1000;
    return { sender, recipient, id, type, plaintext, expiresAt, expires: expiresTime, onAppend };
  }
}
