import type { AuditChains } from "./audit/audit-chains.ts";
import type { Mailboxes } from "./routing/deliver/mailboxes.ts";
import { type NatsSettings } from "@parley/server-kit";
import type { HealthCheck } from "@parley/server-kit/http";
import { type Clock } from "./clock.ts";
import type { CredentialStore } from "./credentials/credential-store.ts";
import type { NonceRegister } from "./credentials/nonce-memory.ts";
import type { StatusLists } from "./credentials/status/status-lists.ts";
import { ApiKeys } from "./identity/api-keys.ts";
import { Dids } from "./identity/dids.ts";
import type { DeadLetterStore } from "./dead-letters/dead-letter-store.ts";
import type { OutboundStore } from "./federation/outbound/outbound-store.ts";
import type { Inbox, InboxLimits } from "./inbox/inbox.ts";
import type { LiveRecords } from "./identity/live-records.ts";
import type { SharedMediation } from "./mediation/mediator.ts";
import type { MediationRecord } from "./mediation/registrations.ts";
import type { NodeLimits, ReadNodeOptions } from "./options.ts";
import type { InboxShareRecord } from "./routing/store/inbox-shares.ts";
import { type Records } from "@parley/storage";

const DAY_MS = 24 * 60 * 60_000;

/** The stores of a node. */
export interface Stores {
  readonly inbox: Inbox;
  readonly apiKeys: ApiKeys;
  readonly dids: Dids;
  readonly credentials: CredentialStore;
  readonly statusLists: StatusLists;
  /** Messages waiting for other nodes. */
  readonly outbound: OutboundStore;
  /** Messages that failed permanently, if they are kept. */
  readonly deadLetters?: DeadLetterStore | undefined;
  /** The audit chains of agents, if they are kept. */
  readonly auditChains?: AuditChains | undefined;
  /** Number of messages of each sender in the inboxes. */
  readonly inboxShares: Records<InboxShareRecord>;
  /** The DIDs registered with the mediator. */
  readonly mediations: Records<MediationRecord> | LiveRecords<MediationRecord>;
  /** The clocks that all components use. */
  readonly clock: Clock;
  /** Set if other nodes have the same data. */
  readonly shared?: SharedStorage | undefined;
}

/** What a node knows of the storage that it shares with others. */
export interface SharedStorage {
  readonly nonces: NonceRegister;
  readonly wallets: SharedWallets;
  readonly mediation: SharedMediation;
  /** Whether reads and writes succeed. */
  checkHealth(): Promise<HealthCheck>;
  /** Whether nothing of this node was stored for so long that other nodes count it as ended. */
  isCutOff(): boolean;
  /** How many nodes share the storage, this one included. */
  servers(): number;
  /** Whether this node does what one node does for all: it removes ephemeral DIDs. */
  maintains(): boolean;
  unattended(): UnattendedInboxes;
  /** Connects the mailboxes of this node with those of the others. Called once, before the first connection. The storage closes it. */
  shareMailboxes(mailboxes: Mailboxes, onFailure: (error: unknown) => void): Promise<SharedMailboxes>;
}

/** Notices of changes of stored credentials, which reach all nodes. */
export interface SharedWallets {
  /** Called when a change is stored. */
  changed(holderDid: string): void;
  /** Sets the listeners: for the notices of all nodes, this one included, and for failed writes, which are repeated. */
  listen(onChanged: (holderDid: string) => void, onFailure: (error: unknown) => void): void;
}

/** Inboxes without connections at any node, of those that this node looks after. */
export interface UnattendedInboxes {
  /** Those with messages. */
  readonly inboxes: number;
  /** Age of their oldest message, to the minute, in milliseconds; 0 without any. */
  readonly oldestMs: number;
}

/** Mailboxes that are connected with those of other nodes. */
export interface SharedMailboxes {
  /** Passes mailboxes to nodes that have connections of their DIDs. Called when the node stops, before it closes its sockets. */
  handOver(): Promise<void>;
}

/** Options of `openStores`. */
export interface StoresOptions extends Pick<
  ReadNodeOptions,
  "nodeKey" | "apiKeys" | "limits" | "policies" | "allowMixedPolicies" | "deadLetters" | "audit"
> {
  /** Where nodes share their data. The storage has no directory then. */
  readonly natsSettings?: NatsSettings | undefined;
}

/** The limits of inboxes among those of a node. */
export function inboxLimits(limits: NodeLimits): Partial<InboxLimits> {
  return {
    maxMessages: limits.maxInboxMessages,
    maxLength: limits.maxInboxLength,
    maxMessagesPerOwner: limits.maxWaitingMessagesPerKey,
    maxLengthPerOwner: limits.maxWaitingLengthPerKey,
  };
}

/** NATS removes what no node has removed by then from inboxes, in milliseconds: a day after the longest time that a message waits. */
export function inboxAgeMs({ messageTtlMs }: NodeLimits): number {
  return messageTtlMs + DAY_MS;
}
