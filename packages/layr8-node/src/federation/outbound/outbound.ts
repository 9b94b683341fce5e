import type { DidcommCrypto } from "@parley/didcomm-crypto";
import type { DidResolver } from "@parley/did";
import type { Clock } from "../../clock.ts";
import type { Resolution } from "../../network/resolution.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import type { OutboundMessage } from "./outbound-message.ts";
import type { OutboundStore } from "./outbound-store.ts";

/** Result of {@link Outbound.enqueue}. */
export type Enqueued =
  /** Queued. Stored once `durable` resolves; if that rejects with a StorageError, the message is not stored. */
  | { readonly status: "stored"; readonly durable: Promise<void> }
  /** The same (sender, recipient, id) is queued or was queued recently. Nothing to do. */
  | { readonly status: "duplicate" }
  /** A limit on waiting messages or characters of the sender, its owner or the recipient's host is reached. */
  | { readonly status: "full" };

/** Size of the queue. */
export interface OutboundDepth {
  readonly messages: number;
  /** Characters of all plaintexts. */
  readonly length: number;
  /** Sender–recipient pairs with waiting messages. */
  readonly pairs: number;
  /** Sender–recipient pairs blocked by a node that rejected or didn't respond; they wait for a retry. */
  readonly blocked: number;
}

/** The state of the queue, as the console shows it. */
export interface DescribedOutbound {
  /** Hosts that were contacted recently. */
  readonly hosts: readonly DescribedHost[];
  readonly pairs: readonly {
    readonly sender: string;
    readonly recipient: string;
    readonly waiting: number;
    /** Failed attempts of the first message. */
    readonly failures: number;
    /** Why the last attempt failed. */
    readonly reason: string | undefined;
  }[];
}

/** The messages of one sender to one recipient on another node, or one of them. */
export interface OutboundSelection {
  readonly sender: string;
  readonly recipient: string;
  /** Default: all. */
  readonly seq?: number | undefined;
}

/** How much {@link Outbound.list} reads. */
export interface OutboundPage {
  /** Maximum number of messages. */
  readonly limit: number;
  /** Maximum total characters of their plaintexts; at least one message is read. */
  readonly maxLength: number;
}

/** A message that waits for another node. */
export interface WaitingOutbound {
  readonly sender: string;
  readonly recipient: string;
  /** Sequence number, ascending over all messages. */
  readonly seq: number;
  /** Message id and type; absent if its record is damaged. */
  readonly id: string | undefined;
  readonly type: string | undefined;
  /** Characters of its plaintext. */
  readonly length: number;
  readonly expiresAt: number;
  /** Whether it is in a request to the other node at this moment. */
  readonly isBeingSent: boolean;
}

/** Result of {@link Outbound.purge}. */
export interface PurgedOutbound {
  readonly purged: number;
  /** Messages in a request at this moment, which were left in the queue: the other node may accept them. */
  readonly beingSent: number;
}

/** The circuit breaker of a host. */
export interface DescribedHost {
  /** Origin of its endpoint. */
  readonly host: string;
  /** Whether it failed repeatedly, so that only probes are sent. */
  readonly isOpen: boolean;
  /** Requests in flight, and requests that wait. */
  readonly active: number;
  readonly waiting: number;
  /** Milliseconds until the next probe. */
  readonly nextProbeInMs: number | undefined;
}

/**
 * The durable queue of messages to agents on other nodes.
 *
 * **Order** is kept for each (sender, recipient) pair: one message or batch of a pair is in flight at a time, and the next one starts when
 * it was accepted, permanently rejected or has expired. Pairs are independent, except that they share the limits of their node: a node gets a few
 * messages at a time, and while it fails, one probe after growing pauses.
 *
 * **Delivery is at least once.** After a crash of this node, a message that the other node has accepted may be sent again; receivers
 * recognize its id. A message may be sent before it is durable: one that could not be stored may have been delivered.
 */
export interface Outbound {
  /**
   * Queues a message. A duplicate of one that is not durable yet resolves and rejects with it.
   *
   * @param share share of the sender's and the host's quota that it may use. Default 1.
   */
  enqueue(message: OutboundMessage, share?: number): Promise<Enqueued>;
  /**
   * The node of a DID was seen alive: brings the next attempt forward if its circuit breaker is open, but to no more than one per second,
   * and not before a requested `Retry-After`.
   *
   * @param resolver has just resolved the document of the DID, and has it in its cache.
   */
  hint(did: string, resolver: DidResolver): void;
  depth(): OutboundDepth;
  /** Its hosts and pairs, for the console. */
  describe(maxPairs: number): DescribedOutbound;
  /** The first waiting messages of a selection, oldest first. Reads them from the disk. @throws StorageError `storage_failed` */
  list(selection: OutboundSelection, page: OutboundPage): readonly WaitingOutbound[];
  /**
   * Removes waiting messages, which are reported as undeliverable (`purged`). A crash before they are reported leaves them in the queue.
   */
  purge(selection: OutboundSelection): PurgedOutbound;
  /** Number of waiting messages of one sender. */
  waiting(sender: string): number;
  /** Waits up to `closeMs` for attempts in flight and closes the store. Other messages stay stored for the next start. Idempotent. */
  close(): Promise<void>;
}

/**
 * Why a message can't be delivered.
 *
 * | code | meaning |
 * | --- | --- |
 * | `expired` | it expired before the other node accepted it |
 * | `unresolved` | the recipient's DID doesn't exist, can't be resolved here, or its document is invalid |
 * | `unreachable` | the document names no endpoint that this node may ask |
 * | `no_key` | sender and recipient have no usable keys in common |
 * | `refused` | the other node rejected it; `status` and possibly `remoteCode` have details |
 * | `purged` | an operator of this node removed it |
 * | `damaged` | its record on this node's disk is damaged |
 * | `failed` | it could not be encrypted or read here |
 */
export type DeliveryFailureCode = "expired" | "unresolved" | "unreachable" | "no_key" | "refused" | "purged" | "damaged" | "failed";

/** Why a message can't be delivered, for people and for programs. */
export interface DeliveryFailure {
  readonly code: DeliveryFailureCode;
  /** A sentence for people, without secrets, at most 300 characters. */
  readonly comment: string;
  /** HTTP status of a refusal. */
  readonly status?: number;
  /** `code` in the JSON of a rejection: at most 128 characters out of letters, digits, `.`, `_` and `-`. Chosen by the remote node. */
  readonly remoteCode?: string;
}

/** Messages of one pair that were posted to another node in one request, and how that ended. */
export interface PostedMessages {
  readonly messages: readonly OutboundMessage[];
  /** Host and port of the other node. */
  readonly host: string;
  /** Attempt of the first message, from 1. */
  readonly attempt: number;
  /** Duration of the request in milliseconds. */
  readonly ms: number;
  /** Why they were not accepted. */
  readonly error: string | undefined;
}

/** Events of the queue. Exceptions of all but `onDead` are caught. */
export interface OutboundEvents {
  /**
   * A remote node has accepted the message, this many milliseconds after it was queued or read at the start: that of the recipient, or that of a
   * mediator.
   */
  onDelivered?(message: OutboundMessage, ageMs: number, isMediated: boolean): void;
  /** The other node has sent the signed head of the recipient's audit chain with its response. Not verified. */
  onHead?(message: Pick<OutboundMessage, "sender" | "recipient">, head: string): void;
  /** A request has ended. Absent without listeners. */
  onPosted?(posted: PostedMessages): void;
  /**
   * A message can't be delivered. It is removed once the returned promise resolves, and reported again if that rejects with a retryable
   * error. After a crash in between it may be reported twice.
   */
  onDead(message: OutboundMessage, cause: DeliveryFailure): void | Promise<void>;
  /** An attempt failed and will be retried. `reason` is for people. */
  onRetry?(about: Pick<OutboundMessage, "sender" | "recipient">, reason: string): void;
  /** An internal failure that concerns no caller. */
  onFailure(error: unknown): void;
}

/** Options of the queue. */
export interface OutboundOptions {
  readonly store: OutboundStore;
  /** Resolves the documents of recipients and mediators. Called for every message, so it must cache. */
  readonly resolver: DidResolver;
  /** Encrypts for the recipient as the sender, and forwards anonymously for mediators. */
  readonly crypto: Pick<DidcommCrypto, "pack">;
  /** Which addresses may be contacted; `timeoutMs` and `cacheTtlMs` are not used. */
  readonly network: Pick<Resolution, "allow" | "hosts" | "httpForLoopback">;
  readonly events: OutboundEvents;
  readonly limits?: Partial<OutboundLimits>;
  /** The owner of a sender, whose senders share limits. Default: no owner. */
  readonly ownerOf?: (sender: string) => string | undefined;
  /**
   * The signed head of a sender's audit chain, which is sent with its messages. Messages are sent once they are durable then, so that the chain has
   * them. Default: none.
   */
  readonly headOf?: ((sender: string) => Promise<string | undefined>) | undefined;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, "expiry" | "monotonic">;
}
