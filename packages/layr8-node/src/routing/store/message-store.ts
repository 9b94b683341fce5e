import { encodePlaintext, protocolOf, type JsonObject } from "@parley/core";
import { asksForReceipts, KeyedMutex } from "@parley/core/internal";
import { DidcommCryptoError, WRAPPER_TYPE, wrapEnvelope } from "@parley/didcomm-crypto";
import type { Records } from "@parley/storage";
import type { Clock } from "../../clock.ts";
import type { Inbox, MessageToStore } from "../../inbox/inbox.ts";
import type { NodeLimits } from "../../options.ts";
import type { Mailboxes } from "../deliver/mailboxes.ts";
import type { AuditTrail } from "../audit-trail.ts";
import type { NodeCrypto } from "../end-to-end/node-crypto.ts";
import { auditedMessage, NODE_OWNER, routedMessage, type RoutedMessage } from "../routed-message.ts";
import { ACCEPTED, PASSED, rejected, type AcceptResult, type CheckResult, type Rejected } from "../rejection.ts";
import type { Remote } from "../remote.ts";
import { isBuiltin } from "../respond/builtin-protocols.ts";
import { InboxShares, type InboxShareRecord } from "./inbox-shares.ts";

/** Options of {@link MessageStore}. */
export interface MessageStoreOptions {
  readonly inbox: Inbox;
  /** Sends to agents on other nodes. */
  readonly remote: Remote;
  /** Encrypts for agents that hold their keys themselves. */
  readonly crypto: NodeCrypto;
  /** Whether a DID is hosted here. */
  readonly isHosted: (did: string) => boolean;
  /** The owner of a hosted DID. */
  readonly ownerOf: (did: string) => string | undefined;
  readonly limits: Pick<NodeLimits, "messageTtlMs" | "maxInboxMessages" | "maxWaitingMessagesPerKey">;
  /** Persist the number of messages of each sender in the inboxes. */
  readonly shareRecords?: Records<InboxShareRecord> | undefined;
  /** Checks that the connections of agents can carry a delivery of this size. */
  readonly checkDelivery: (message: MessageToStore) => CheckResult;
  readonly clock: Clock;
  /** Records accepted messages. Default: none. */
  readonly audit?: AuditTrail | undefined;
  /** A message was stored durably, this many milliseconds after it arrived. */
  readonly onDurable?: ((ms: number) => void) | undefined;
  readonly onFailure: (error: unknown) => void;
}

const CANT_SEAL: Rejected = rejected({
  label: "failed",
  reason: "the node can't encrypt the message for its recipient, whose agent holds its keys itself",
});
/** Share of an inbox that messages from other nodes may fill. */
const REMOTE_SHARE = 3 / 4;

/** Stores messages durably: in the inboxes of recipients hosted here, and in the outbound queue for the others. */
export class MessageStore {
  readonly #options: MessageStoreOptions;
  readonly #mailboxes: Mailboxes;
  readonly #shares: InboxShares;
  /** Shares of the inboxes of each owner together. */
  readonly #ownerShares: InboxShares;
  /** Messages that are being encrypted, by recipient: they keep their order. */
  readonly #sealing = new KeyedMutex();

  /** @param mailboxes asked which recipients are connected, and what they handle. */
  constructor(mailboxes: Mailboxes, options: MessageStoreOptions) {
    this.#options = options;
    this.#mailboxes = mailboxes;
    this.#shares = new InboxShares(options.limits.maxInboxMessages, options.shareRecords);
    this.#ownerShares = new InboxShares(options.limits.maxWaitingMessagesPerKey);
  }

  /** Checks whether a recipient can be reached, handles the message, and has room for it. */
  check(inbound: RoutedMessage, recipient: string): CheckResult {
    const { inbox, limits, ownerOf, isHosted, remote, crypto } = this.#options;
    const { type, owner } = inbound;
    if (!isHosted(recipient)) return remote.check(inbound.sender, recipient, type === WRAPPER_TYPE);
    if (
      this.#mailboxes.isConnected(recipient) &&
      !this.#mailboxes.wouldTake(recipient, inbound) &&
      !isBuiltin(inbound) &&
      // It gets the message encrypted, and decides itself.
      !crypto.keysAtAgent(recipient)
    ) {
      return rejected({ label: "no_handler", reason: `no handler for protocol ${protocolOf(type) ?? type} at ${recipient}` });
    }
    const waiting = inbox.usage(recipient).messages;
    if (inbound.remote && waiting >= Math.max(1, Math.ceil(limits.maxInboxMessages * REMOTE_SHARE)))
      return inboxFull(`${recipient} has too many messages waiting`);
    if (isBuiltin(inbound)) return PASSED;
    if (!this.#shares.hasRoom(recipient, owner, waiting)) return inboxFull(`${recipient} has too many messages of this sender waiting`);
    const ownerWaiting = inbox.ownerUsage(recipient).messages;
    if (!this.#ownerShares.counts(ownerWaiting) || this.#ownerShares.hasRoom(ownerOf(recipient) ?? "", owner, ownerWaiting)) return PASSED;
    return inboxFull(`the API key of ${recipient} has too many messages of this sender waiting, over all of its DIDs`);
  }

  /** Rejects a message that is too large to be delivered to a recipient, with all that the node adds to it. */
  checkSize(inbound: RoutedMessage, recipient: string): CheckResult {
    return this.#options.checkDelivery(this.#incoming(inbound, recipient));
  }

  /** Whether a message of another node was stored before: that node has lost the response. */
  remembers({ sender, recipients: [recipient = ""], id, message }: RoutedMessage): Promise<boolean> {
    return this.#options.inbox.remembers({ recipient, from: sender, id, expires: message.expiresTime });
  }

  /**
   * Stores a message for one recipient: in its inbox if it is hosted here, otherwise in the outbound queue. Resolves once it is durable or rejected.
   *
   * @throws StorageError
   */
  async store(inbound: RoutedMessage, recipient: string): Promise<AcceptResult> {
    const { remote, isHosted, crypto } = this.#options;
    if (!isHosted(recipient)) {
      const sent = await remote.send(inbound.message, inbound.text, recipient);
      if (sent.ok) this.#durable(inbound.receivedAt);
      return sent;
    }
    // The node can encrypt in the name of those DIDs only whose keys it holds. Its reports in the name of others stay readable.
    if (crypto.keysAtAgent(recipient) && inbound.type !== WRAPPER_TYPE && crypto.keysAtNode(inbound.sender)) {
      return this.#storeSealed(inbound, recipient);
    }
    return this.#storeLocally(inbound, recipient);
  }

  /** Encrypts a message for an agent that holds its keys itself. The wrapper keeps id, thread and expiry, which the node knows anyway. */
  async #storeSealed(inbound: RoutedMessage, recipient: string): Promise<AcceptResult> {
    const { sender, text, message, owner, remote, onStored, senderCredentials, unauthorizedFor } = inbound;
    const sealing = this.#sealing.run(recipient, async () => {
      let envelope: string;
      try {
        envelope = await this.#options.crypto.seal(text, sender, recipient);
      } catch (error) {
        if (error instanceof DidcommCryptoError || error instanceof TypeError) return { stored: CANT_SEAL };
        throw error;
      }
      const { id, threadId, expiresTime } = message;
      const wrapper = wrapEnvelope(JSON.parse(envelope) as JsonObject, { id, from: sender, to: recipient, threadId, expiresTime });
      const wrapped = routedMessage(wrapper, JSON.stringify(encodePlaintext(wrapper)), {
        sender,
        recipients: [recipient],
        owner,
        remote,
        onStored,
      });
      Object.assign(wrapped, { senderCredentials, unauthorizedFor });
      return { stored: this.#storeLocally(wrapped, recipient, inbound) };
    });
    return (await sealing).stored;
  }

  /** @param audited the message that the audit records, as its sender has written it. */
  async #storeLocally(inbound: RoutedMessage, recipient: string, audited: RoutedMessage = inbound): Promise<AcceptResult> {
    const { inbox, ownerOf, checkDelivery } = this.#options;
    const incoming = this.#incoming(inbound, recipient, audited);
    const size = checkDelivery(incoming);
    if (!size.ok) return size;
    // A connected recipient has its box open: the inbox passes the message to the `onMessage` of that box, and so to its `Mailbox`.
    const appended = await inbox.append(incoming);
    if (appended.status === "full") {
      return appended.of === "owner"
        ? inboxFull(`the API key of ${recipient} has too much waiting, over all of its DIDs`)
        : inboxFull(`${recipient} has too many messages waiting`);
    }
    if (appended.status === "stored") {
      this.#shares.stored(recipient, inbound.owner, inbox.usage(recipient).messages);
      const ownerWaiting = inbox.ownerUsage(recipient).messages;
      if (this.#ownerShares.counts(ownerWaiting)) this.#ownerShares.stored(ownerOf(recipient) ?? "", inbound.owner, ownerWaiting);
      inbound.onStored?.();
      return this.#untilDurable(recipient, appended.durable, inbound.receivedAt);
    }
    return this.#accepted(recipient);
  }

  /** Waits for the commit in a call of its own, because an async function keeps its variables: here, bodies of up to a frame in each message. */
  async #untilDurable(recipient: string, durable: Promise<void>, receivedAt: number): Promise<AcceptResult> {
    await durable;
    this.#durable(receivedAt);
    return this.#accepted(recipient);
  }

  #durable(receivedAt: number): void {
    this.#options.onDurable?.(performance.now() - receivedAt);
  }

  #accepted(recipient: string): AcceptResult {
    return this.#mailboxes.isConnected(recipient) ? ACCEPTED : { ok: true, away: [recipient] };
  }

  /** Drops the counts of inboxes that are nearly empty, and periodically writes the others. Called by the router, every second. */
  sweep(): void {
    const { inbox, onFailure } = this.#options;
    this.#shares.sweep((did) => inbox.usage(did).messages).catch(onFailure);
  }

  /** Persists state for the next start. Called after the last message. */
  async close(): Promise<void> {
    await this.#shares.write().catch(this.#options.onFailure);
  }

  #incoming(inbound: RoutedMessage, recipient: string, audited: RoutedMessage = inbound): MessageToStore {
    const { message, id, type, thread, parentThread, text, senderCredentials, unauthorizedFor, remote, receivedAt } = inbound;
    const { from, expiresTime: expires } = message;
    const { audit, isHosted } = this.#options;
    // Not what this node says in the name of another node's agent: a report that its message was not delivered.
    const isAudited = audit !== undefined && (inbound.owner !== NODE_OWNER || isHosted(inbound.sender));
    return {
      recipient,
      id,
      type,
      from,
      thread,
      parentThread,
      plaintext: text,
      authorized: unauthorizedFor.size === 0 || !unauthorizedFor.has(recipient),
      senderCredentials,
      expiresAt: expires === undefined ? this.#options.clock.lifetimeStart() + this.#options.limits.messageTtlMs : expires * 1000,
      expires,
      asksForReceipts: asksForReceipts(message) || undefined,
      remote,
      receivedAt: Math.round(receivedAt),
      onAppend: isAudited ? () => audit.accepted(auditedMessage(audited, recipient)) : undefined,
    };
  }
}

function inboxFull(why: string): Rejected {
  return rejected({ label: "inbox_full", reason: `inbox full: ${why}`, code: "e.p.me.res.inbox" });
}
