import { isJsonObject } from "@parley/core";
import type { Clock } from "../clock.ts";
import type { InboxMessage } from "../inbox/inbox.ts";
import { OK, errorReply, type Channel, type ChannelEnd, type ChannelHandler, type Reply } from "./channel.ts";
import { deliveryPayload } from "./delivery-payload.ts";
import type { ChildConnection, ChildWatchers, WatchedChild } from "../delegation/child-watchers.ts";
import type { DelegatedReading } from "../delegation/delegated-grants.ts";
import type { AgentKeys, PresentedKeys } from "../identity/agent-keys.ts";
import type { JoinKeysResult } from "../identity/join-keys.ts";
import { readKeys, type JoinRequest } from "./join-request.ts";
import type { Consumer, Probe } from "../routing/deliver/consumer.ts";
import type { BoundMailbox, Settlement } from "../routing/deliver/bound-mailbox.ts";
import { RATE_LIMITED, TOO_LARGE, type AcceptResult, type Rejection } from "../routing/rejection.ts";
import type { Router, SenderAccount } from "../routing/router.ts";
import { unitsOf } from "../work-units.ts";

/** Units of work of a rotation: its signatures are verified. */
const KEY_UNITS = 16;
/** Maximum number of ids in one `ack`. */
const MAX_ACKS = 4096;

/**
 * How long deliveries wait for the first frame of a newly joined agent, in milliseconds. Several SDKs lose a delivery that arrives together
 * with the join reply.
 */
const HOLD_MS = 50;
/** How long an agent with an assigned DID may leave all deliveries unacknowledged before the other topic is tried, in milliseconds. */
const TOPIC_PATIENCE_MS = 1000;
/** The same for later attempts, which accompany redeliveries. */
const TOPIC_RETRY_MS = 10_000;

/** Events of all channels: of the one with a DID, whose messages an owner is charged for. */
export interface AgentEvents {
  onAccepted(): void;
  onRejected(did: string, rejection: Rejection): void;
  onFailure(error: unknown): void;
  onEnded(did: string, owner: string, end: ChannelEnd, closeCode: number | undefined): void;
}

/** What all channels have in common. */
export interface AgentChannelShared {
  readonly router: Router;
  /** Characters of one message's JSON. */
  readonly maxLength: number;
  readonly clock: Clock;
  readonly events: AgentEvents;
  readonly children: ChildWatchers;
  /** Checks other keys of an agent that holds its keys itself. */
  checkKeys(did: string, keys: PresentedKeys): Promise<JoinKeysResult>;
  /** Publishes the keys of an agent. Resolves to `false` if other ones were set in this moment. @throws StorageError `storage_failed` */
  publishKeys(did: string, keys: AgentKeys): Promise<boolean>;
}

/** Options of {@link AgentChannel}. */
export interface AgentChannelOptions {
  readonly did: string;
  readonly channel: Channel;
  readonly join: JoinRequest;
  readonly account: SenderAccount;
  readonly shared: AgentChannelShared;
}

/** Adapts one Phoenix channel of an agent to its mailbox: converts events to messages and acknowledgements, and deliveries to events. */
export class AgentChannel implements ChannelHandler, Consumer, ChildConnection {
  readonly #did: string;
  readonly #channel: Channel;
  readonly #account: SenderAccount;
  readonly #shared: AgentChannelShared;
  /** Whether the node has chosen the DID: its agent uses one of two topics. */
  readonly #isAssigned: boolean;
  /** Whether the agent holds its keys itself. */
  readonly #holdsKeys: boolean;
  readonly acknowledgesResponses: boolean;
  readonly replies: boolean;
  readonly #watchesWallet: boolean;
  /** The parent whose grants it borrows and watches, and the number of changes before they were read. */
  #parent: { readonly did: string; readonly since: number } | undefined;
  #child: WatchedChild | undefined;
  #mailbox: BoundMailbox | undefined;
  /** Whether deliveries are still held after the join. */
  #held: boolean;
  #holdTimer: NodeJS.Timeout | undefined;
  /** Whether the agent has sent a frame on this channel. */
  #hasSent = false;
  #topicTimer: NodeJS.Timeout | undefined;
  #topicSince: number;

  constructor({ did, channel, join, account, shared }: AgentChannelOptions) {
    this.#did = did;
    this.#channel = channel;
    this.#account = account;
    this.#shared = shared;
    const { acknowledgesResponses, replyProtocol, earlyDelivery, watchesWallet } = join;
    this.#isAssigned = join.did === undefined;
    this.#holdsKeys = join.keys !== undefined;
    this.acknowledgesResponses = acknowledgesResponses;
    this.replies = replyProtocol;
    this.#held = !earlyDelivery;
    this.#watchesWallet = watchesWallet;
    this.#topicSince = shared.clock.monotonic();
  }

  get did(): string {
    return this.#did;
  }

  get owner(): string {
    return this.#account.owner;
  }

  get writable(): boolean {
    return !this.#held && this.#channel.writable;
  }

  get lastHeardAt(): number {
    return this.#channel.lastHeardAt;
  }

  get quietSince(): number {
    return this.#channel.lastJoinAt;
  }

  bind(protocols: readonly string[]): void {
    this.#mailbox = this.#shared.router.mailboxes.bind(this.#did, this, protocols);
    if (this.#held) this.#holdTimer = setTimeout(() => this.#release(), HOLD_MS);
    if (this.#parent !== undefined) this.#child = this.#shared.children.watch(this.#parent.did, this, this.#parent.since);
  }

  event(event: string, payload: string): Promise<Reply> | Reply | undefined {
    this.#hasSent = true;
    if (this.#held) this.#release();
    switch (event) {
      case "message":
        return this.#onMessage(payload);
      case "ack":
        return this.#onAck(payload);
      case "dispatch_reply":
        return this.#onDispatchReply(payload);
      case "publish_keys":
        return this.#onPublishKeys(payload);
      default:
        return errorReply(`unknown event: ${event.slice(0, 64)}`);
    }
  }

  deliver(message: InboxMessage, attempt: number): void {
    if (this.#isAssigned && !this.#hasSent) this.#doubtTopic(attempt);
    this.#channel.push("message", deliveryPayload(message, attempt));
  }

  confirm(): Promise<void> {
    return this.#channel.confirm();
  }

  probe(probe: Probe): void {
    this.#channel.probe(probe);
  }

  takenOver(): void {
    this.#channel.close();
  }

  /** Watches the grants of the parent once the join is answered. Called before they are read for the join. */
  watchParent(parent: string): void {
    this.#parent = { did: parent, since: this.#shared.children.changes };
  }

  pushDelegated({ status, credentials }: DelegatedReading, revision: number): void {
    this.#channel.push("delegated_credentials", JSON.stringify({ revision, status, credentials }));
  }

  walletChanged(): void {
    if (this.#watchesWallet) this.#channel.push("wallet_changed", JSON.stringify({ holder_did: this.#did }));
  }

  drained(): void {
    this.#mailbox?.resume(this);
  }

  ended(end: ChannelEnd, closeCode?: number): void {
    clearTimeout(this.#holdTimer);
    clearTimeout(this.#topicTimer);
    this.#mailbox?.unbind(this, closeCode);
    if (this.#child !== undefined) this.#shared.children.unwatch(this.#child);
    this.#shared.events.onEnded(this.#did, this.#account.owner, end, closeCode);
  }

  #release(): void {
    clearTimeout(this.#holdTimer);
    this.#held = false;
    this.#mailbox?.resume(this);
  }

  /** The agent may use the other topic of its assigned DID: switches to it when deliveries stay unacknowledged. */
  #doubtTopic(attempt: number): void {
    if (attempt > 1 && this.#shared.clock.monotonic() - this.#topicSince >= TOPIC_RETRY_MS) this.#switchTopic();
    this.#topicTimer ??= setTimeout(() => {
      if (!this.#hasSent && this.#switchTopic()) this.#mailbox?.redeliver(this);
    }, TOPIC_PATIENCE_MS);
  }

  #switchTopic(): boolean {
    this.#topicSince = this.#shared.clock.monotonic();
    return this.#channel.switchTopic();
  }

  #onMessage(payload: string): Promise<Reply> | Reply {
    const { router, maxLength } = this.#shared;
    if (payload.length > maxLength) {
      return this.#reject({
        label: "too_large",
        reason: `message too large: it may have ${maxLength} characters`,
        code: TOO_LARGE,
      });
    }
    if (!this.#account.takeUnits(unitsOf(payload.length))) return this.#reject(RATE_LIMITED);
    const result = router.accept(this.#did, this, payload.trim(), this.#account);
    if (!(result instanceof Promise)) return this.#conclude(result);
    return result.then(
      (later) => this.#conclude(later),
      (error: unknown) => this.#fail(error),
    );
  }

  #conclude(result: AcceptResult): Reply {
    if (!result.ok) return this.#reject(result.rejection);
    this.#shared.events.onAccepted();
    return result.away.length === 0 ? OK : { status: "ok", response: JSON.stringify({ away: result.away }) };
  }

  #fail(error: unknown): Reply {
    this.#shared.events.onFailure(error);
    return this.#reject({ label: "failed", reason: "the node could not store the message: send it again", code: "e.p.me.res.storage" });
  }

  #reject(rejection: Rejection): Reply {
    this.#shared.events.onRejected(this.#did, rejection);
    const { reason, code, comment } = rejection;
    return errorReply(reason, { ...(code !== undefined && { code }), ...(comment !== undefined && { comment }) });
  }

  #onAck(payload: string): Reply {
    const ids = parse(payload)?.["ids"];
    if (!Array.isArray(ids) || ids.length > MAX_ACKS) return errorReply(`ack needs ids: a list of at most ${MAX_ACKS} message ids`);
    for (const id of ids) if (typeof id === "string") this.#mailbox?.settle(this, id, "handled");
    return OK;
  }

  /** The agent has rotated the keys that it holds itself. */
  async #onPublishKeys(payload: string): Promise<Reply> {
    if (!this.#holdsKeys) return errorReply("the node holds the keys of this DID");
    const keys = readKeys(parse(payload));
    if (keys === "invalid") return errorReply("publish_keys needs a proof and rotations");
    if (!this.#account.takeUnits(KEY_UNITS)) return errorReply(RATE_LIMITED.reason, { code: RATE_LIMITED.code ?? "" });
    try {
      const checked = await this.#shared.checkKeys(this.#did, keys);
      if (!checked.ok) return errorReply(checked.refusal.code, { code: checked.refusal.code, comment: checked.refusal.comment });
      if (checked.keys === undefined || (await this.#shared.publishKeys(this.#did, checked.keys))) return OK;
      return errorReply("e.join.keys.changed", { code: "e.join.keys.changed" });
    } catch (error) {
      return this.#fail(error);
    }
  }

  #onDispatchReply(payload: string): Reply {
    const reply = parse(payload);
    const id = reply?.["message_id"];
    const status = reply?.["status"];
    if (!isSettlement(status)) return errorReply("dispatch_reply needs a status: handled, pass or error");
    if (id !== undefined && id !== null && typeof id !== "string") return errorReply("dispatch_reply.message_id must be a string");
    const { code, message } = reply ?? {};
    this.#mailbox?.settle(this, id ?? undefined, status, {
      ...(typeof code === "string" && { code }),
      ...(typeof message === "string" && { message }),
    });
    return OK;
  }
}

function isSettlement(status: unknown): status is Settlement {
  return status === "handled" || status === "pass" || status === "error";
}

function parse(payload: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(payload);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
