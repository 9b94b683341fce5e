import type { DidcommCrypto } from "@parley/didcomm-crypto";
import type { DidResolver } from "@parley/did";
import type { Clock } from "../../clock.ts";
import type { Resolution } from "../../credentials/resolution.ts";
import type { OutboundLimits } from "./outbound-limits.ts";
import type { OutboundStore } from "./outbound-store.ts";

/** A message for an agent on another node. */
export interface OutboundMessage {
  /** DID of the agent that sends it, hosted here. */
  readonly sender: string;
  /** DID of the agent that it is for, hosted elsewhere. */
  readonly recipient: string;
  /** DIDComm message id: unique for its sender. */
  readonly id: string;
  /** DIDComm message type. */
  readonly type: string;
  /** The DIDComm plaintext: JSON as the sender wrote it. Well-formed Unicode. */
  readonly plaintext: string;
  /** When the message is void, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** The message's own `expires_time`, which tells a retry from a duplicate. Not kept with the message. */
  readonly expires?: number | undefined;
}

/** What became of a message that was to be queued. */
export type Enqueued =
  /** It has its place. It is safe once `durable` resolves; if that rejects with a StorageError, it has not been stored. */
  | { readonly status: "stored"; readonly durable: Promise<void> }
  /** The same (sender, recipient, id) waits already, or came lately: nothing to do, the first one counts. */
  | { readonly status: "duplicate" }
  /** The sender, or the recipient's host, has as many messages or characters waiting as it may. */
  | { readonly status: "full" };

/** What waits to be delivered. */
export interface OutboundDepth {
  readonly messages: number;
  /** Characters of all plaintexts. */
  readonly length: number;
  /** Pairs of sender and recipient with messages that wait. */
  readonly pairs: number;
  /** Those of them whose other node did not take a message lately, so that they wait for another try. */
  readonly blocked: number;
}

/**
 * The durable queue of messages to agents on other nodes.
 *
 * **Order** is kept for each (sender, recipient): one message of a pair is under way at a time, and the next one is begun when it was
 * taken, refused for good or has expired. Pairs don't wait for each other but where they share a node: that one is sent a few messages at
 * a time, in turns, and while it takes none, a single one now and then.
 *
 * **Delivery is at least once.** What another node has taken may be sent again after a crash of this one; receivers know it by its id. A
 * message may be on its way before it is durable: one that could not be stored may have been delivered.
 */
export interface Outbound {
  /**
   * Takes a message. A duplicate of one that is not durable yet resolves, and rejects, with it.
   *
   * @param share of its sender's and its host's room that may be full with it; default all of it.
   */
  enqueue(message: OutboundMessage, share?: number): Promise<Enqueued>;
  /**
   * The node of a DID has just shown that it is there: it is asked again at once, where it was given up for a while. Nothing is asked more
   * often than once a second because of it, nor what has said itself for how long to leave it alone.
   *
   * @param resolver has just found the document of the DID, and finds it again at no cost.
   */
  hint(did: string, resolver: DidResolver): void;
  depth(): OutboundDepth;
  /** Messages of one sender that wait. */
  waiting(sender: string): number;
  /** Ends what is under way, within the limits' `closeMs`, and keeps the rest for the next start. The store is closed, too. Idempotent. */
  close(): Promise<void>;
}

/**
 * Why a message will never arrive.
 *
 * | code | meaning |
 * | --- | --- |
 * | `expired` | its time was over before the other node took it |
 * | `unresolved` | the recipient's DID doesn't exist, can't be resolved here, or its document is invalid |
 * | `unreachable` | the document names no endpoint that this node may ask |
 * | `no_key` | sender and recipient have no usable keys in common |
 * | `refused` | the other node refused it; `status` and perhaps `remoteCode` say more |
 * | `damaged` | its record on this node's disk is damaged |
 * | `failed` | it could not be encrypted or read here |
 */
export type DeliveryFailureCode = "expired" | "unresolved" | "unreachable" | "no_key" | "refused" | "damaged" | "failed";

/** Why a message will never arrive, in words and for programs. */
export interface DeliveryFailure {
  readonly code: DeliveryFailureCode;
  /** A sentence for people, without secrets, at most 300 characters. */
  readonly comment: string;
  /** HTTP status of a refusal. */
  readonly status?: number;
  /** `code` in the JSON of a refusal: at most 128 characters out of letters, digits, `.`, `_` and `-`. Whatever the other node wrote. */
  readonly remoteCode?: string;
}

/** What the queue tells the node. Exceptions of all but `onDead` are the queue's to swallow. */
export interface OutboundEvents {
  /** Another node has taken the message. */
  onDelivered?(message: OutboundMessage): void;
  /**
   * A message came to nothing. It is forgotten once the returned promise resolves, and told of again if that rejects with a retryable
   * error. After a crash in between it may be told of twice.
   */
  onDead(message: OutboundMessage, cause: DeliveryFailure): void | Promise<void>;
  /** An attempt failed and will be repeated. `reason` is for people. */
  onRetry?(about: Pick<OutboundMessage, "sender" | "recipient">, reason: string): void;
  /** Something failed that no caller can be told of. */
  onFailure(error: unknown): void;
}

/** Options of the queue. */
export interface OutboundOptions {
  readonly store: OutboundStore;
  /** Finds documents of recipients and mediators. Its cache is what makes it cheap: it is asked for every message. */
  readonly resolver: DidResolver;
  /** Encrypts: for the recipient by the sender, and forwards anonymously for mediators. */
  readonly crypto: Pick<DidcommCrypto, "pack">;
  /** Which addresses may be asked; `timeoutMs` and `cacheTtlMs` play no part. */
  readonly network: Pick<Resolution, "allow" | "hosts" | "httpForLoopback">;
  readonly events: OutboundEvents;
  readonly limits?: Partial<OutboundLimits>;
  /** The owner of a sender, whose senders have a cap in common. Default: nobody. */
  readonly ownerOf?: (sender: string) => string | undefined;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, "expiry" | "monotonic">;
}
