import { createDidcommCrypto, type Unpacked } from "@parley/didcomm-crypto";
import { canonicalDid, didOf, type DidResolver } from "@parley/did";
import { deferred, RateLimiter } from "@parley/core/internal";
import type { NodeLimits } from "../../options.ts";
import { routedMessage, type RoutedMessage } from "../../routing/routed-message.ts";
import { hasAttachedCredentials } from "../../routing/authorize/grants/attached-credentials.ts";
import { presentationsOf } from "../../routing/authorize/sender-presentation.ts";
import { checkHeaders } from "../../routing/parse/parse-message.ts";
import type { CheckResult } from "../../routing/rejection.ts";
import type { Forwarded, Mediator } from "../../mediation/mediator.ts";
import type { AgreementKeys } from "../agreement-keys.ts";
import { extraUnitsOf, unitsOf } from "../../work-units.ts";
import { hostOf } from "../outbound/quota.ts";
import { ACCEPTED, response, responseToError, responseToRejection, type InboundCode, type InboundResult } from "./inbound-response.ts";
import { isForward, readForward } from "./forward.ts";
import { readUnread } from "./read-unread.ts";
import type { KnownHosts } from "./known-hosts.ts";
import { SharedTimeSlice } from "./shared-time-slice.ts";
import type { UnknownSenderLimiter } from "./unknown-sender-limiter.ts";

/** Options of {@link Inbound}. */
export interface InboundOptions {
  readonly isHosted: (did: string) => boolean;
  /** Whether the agent of a hosted DID holds its keys itself. */
  readonly keysAtAgent: (did: string) => boolean;
  readonly keys: AgreementKeys;
  /** Resolves the DID documents of senders. */
  readonly resolver: DidResolver;
  readonly unknownSenders: UnknownSenderLimiter;
  readonly knownHosts: KnownHosts;
  readonly limits: Pick<NodeLimits, "maxEnvelopeBytes" | "maxMessageLength" | "remoteMessagesPerSecond">;
  readonly mediator?: Mediator | undefined;
  /** Accepts a decrypted message. See `Router.receive`. */
  receive(message: RoutedMessage): Promise<CheckResult>;
  /**
   * Called once per envelope.
   *
   * @param counted label of the response in metrics.
   * @param error why the envelope could not be decrypted, if that is the reason. For the operator's log, not for the other node.
   */
  onProcessed(counted: string, error?: unknown): void;
  /**
   * Called when an authcrypted message is accepted, which only its sender can have encrypted: the sender's node is alive.
   *
   * @param auditHead what the node has posted as the head of the sender's audit chain. Not verified.
   */
  onAuthenticated(sender: string, recipient: string, auditHead: string | undefined): void;
  onFailure(error: unknown): void;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
}

/** An envelope and its origin. */
interface Arrival {
  readonly envelope: string | Uint8Array;
  /** The client address charged for it. */
  readonly address: string;
  /** Number of forwards that wrapped it. */
  readonly depth: number;
  /** The head of the sender's audit chain, as it was posted. */
  readonly auditHead?: string | undefined;
}

type Rejected = Extract<InboundResult, { readonly ok: false }>;

/** A decrypted message of an authenticated sender, or a rejection. */
type Opened =
  | {
      readonly ok: true;
      /** Whether accepting it takes more than storing it: it has a presentation, or encloses other messages. */
      readonly isSlow: boolean;
      /** @param onStored see {@link RoutedMessage.onStored} */
      readonly accept: (onStored?: () => void) => Promise<InboundResult>;
    }
  | Rejected;

/** Maximum nesting of forwards. */
const MAX_FORWARDS = 2;
const MAX_SENDERS = 10_000;
/** Rate of all senders of one host together, as a multiple of one sender's rate. */
const HOST_SHARES = 10;

/** The envelope is for a DID whose agent holds its keys itself. */
class HeldByAgent extends Error {}

/** Decrypts envelopes posted by other nodes, authenticates the sender, and passes the messages to the router. */
export class Inbound {
  readonly #options: InboundOptions;
  readonly #senders: RateLimiter;
  readonly #hosts: RateLimiter;
  /** Of envelopes that the node can't read, by the client's address: their senders are not proven. */
  readonly #unread: RateLimiter;
  /** Of all batches that are decrypted at the same time. */
  readonly #slice = new SharedTimeSlice();

  constructor(options: InboundOptions) {
    const { now } = options;
    const perSecond = options.limits.remoteMessagesPerSecond;
    this.#options = options;
    this.#senders = new RateLimiter({ perSecond, maxOwners: MAX_SENDERS, now });
    this.#hosts = new RateLimiter({ perSecond: HOST_SHARES * perSecond, maxOwners: MAX_SENDERS, now });
    this.#unread = new RateLimiter({ perSecond: HOST_SHARES * perSecond, maxOwners: MAX_SENDERS, now });
  }

  /**
   * Processes a batch of envelopes in order, up to the first one that is rejected. Decrypts all of them before it stores the first: then
   * nearly all share one durable commit, and none is stored behind one whose commit failed. Called by the HTTP route. Never rejects.
   */
  async takeAll(envelopes: readonly Uint8Array[], address: string, auditHead?: string): Promise<InboundResult> {
    const opened: Opened[] = [];
    for (const envelope of envelopes) {
      // oxlint-disable-next-line no-await-in-loop
      await this.#slice.next();
      // oxlint-disable-next-line no-await-in-loop
      const one = await this.#reported(() => this.#open({ envelope, address, depth: 0, auditHead }));
      opened.push(one);
      if (!one.ok) break;
    }
    const results: Promise<InboundResult>[] = [];
    let isRejected = false;
    for (const one of opened) {
      // Its verification takes time, in which the commit of the others may fail.
      // oxlint-disable-next-line no-await-in-loop
      if (one.ok && one.isSlow) await Promise.all(results);
      if (isRejected) break;
      const stored = deferred<undefined>();
      const result = this.#accept(one, () => stored.resolve(undefined));
      results.push(result);
      // oxlint-disable-next-line no-await-in-loop
      await Promise.race([stored.promise, result.then(({ ok }) => (isRejected ||= !ok))]);
      if (isRejected) break;
    }
    const all = await Promise.all(results);
    const accepted = all.findIndex(({ ok }) => !ok);
    const rejected = all[accepted];
    return rejected === undefined || rejected.ok ? (all.at(-1) ?? ACCEPTED) : { ...rejected, accepted };
  }

  /**
   * Processes one envelope. Called by the HTTP route. Never rejects.
   *
   * @param address client address, for the limits on unknown senders.
   * @param auditHead the head of the sender's audit chain, as it was posted.
   */
  async take(envelope: Uint8Array, address: string, auditHead?: string): Promise<InboundResult> {
    return this.#accept(await this.#reported(() => this.#open({ envelope, address, depth: 0, auditHead })));
  }

  /** Accepts a decrypted message, and counts the result. Never rejects. */
  async #accept(opened: Opened, onStored?: () => void): Promise<InboundResult> {
    if (!opened.ok) return opened;
    const result = await this.#reported(() => opened.accept(onStored));
    if (result.ok) this.#options.onProcessed("accepted");
    return result;
  }

  /** Counts a rejection or an error, and turns an error into a response. Never rejects. */
  async #reported<T extends { readonly ok: true }>(work: () => Promise<T | Rejected>): Promise<T | Rejected> {
    try {
      const result = await work();
      if (!result.ok) this.#options.onProcessed(result.response.counted);
      return result;
    } catch (error) {
      const failed = responseToError(error);
      if (failed.code === "internal" || failed.code === "storage_failed") this.#options.onFailure(error);
      this.#options.onProcessed(failed.counted, error);
      return { ok: false, response: failed };
    }
  }

  /** Decrypts an envelope, authenticates its sender, and charges the message. */
  async #open(arrival: Arrival): Promise<Opened> {
    let unpacked: Unpacked;
    try {
      unpacked = await this.#unpack(arrival);
    } catch (error) {
      if (error instanceof HeldByAgent) return this.#openUnread(arrival);
      throw error;
    }
    const { message, sender, plaintext, metadata } = unpacked;
    const units = unitsOf(plaintext.length) + extraUnitsOf({ ...message, to: [] }, plaintext.length);
    if (!metadata.encrypted) return rejection("bad_request", undefined, "not_encrypted");
    if (sender === undefined) this.#options.unknownSenders.take(arrival.address);
    else this.#authenticated(sender, arrival.address, units);
    if (plaintext.length > this.#options.limits.maxMessageLength && !isForward(message)) return rejection("too_large");
    if (isForward(message)) return { ok: true, isSlow: true, accept: () => this.#forward(unpacked, arrival) };
    if (sender === undefined) return rejection("sender_required", "a message needs a sender: encrypt it with authcrypt, or sign it");
    const recipient = didOf(metadata.recipientKid ?? "");
    // Authcrypt binds the message to the recipient's key, so a recipient can't re-encrypt it for a third party in the sender's name. A
    // signature alone doesn't: it needs `to`.
    if (recipient === undefined || (message.to.length === 0 && metadata.encryptedFromKid === undefined)) {
      return rejection("bad_request", undefined, "to_missing");
    }
    if (canonicalDid(sender) !== sender) {
      return rejection("bad_request", `the sender's DID must be written ${canonicalDid(sender) ?? "as a DID"}`, "sender_spelling");
    }
    if (!checkHeaders(message).ok) return rejection("bad_request", undefined, "plaintext_invalid");
    const host = hostOf(sender);
    if (!this.#senders.tryTake(sender, units) || !this.#hosts.tryTake(host, units))
      return rejection("rate_limited", "too many messages; slow down");
    const owner = hasHost(sender) ? host : arrival.address;
    const accept = async (onStored?: () => void): Promise<InboundResult> => {
      const received = await this.#options.receive(
        routedMessage(message, plaintext, { sender, recipients: [recipient], owner, remote: true, onStored }),
      );
      if (!received.ok) return { ok: false, response: responseToRejection(received.rejection) };
      if (metadata.encryptedFromKid === undefined) return ACCEPTED;
      this.#options.onAuthenticated(sender, recipient, arrival.auditHead);
      return { ok: true, recipient };
    };
    return { ok: true, isSlow: presentationsOf(message) !== undefined || hasAttachedCredentials(message), accept };
  }

  /**
   * Passes on an envelope for an agent that holds its keys itself. Its sender is the one that its headers name: only the recipient can verify that, so all
   * of it is charged to the client's address.
   */
  #openUnread({ envelope, address }: Arrival): Opened {
    const read = readUnread(envelope);
    if (read === undefined) return rejection("bad_request");
    const { sender, recipient, message, text } = read;
    const { isHosted, keysAtAgent, knownHosts } = this.#options;
    if (!keysAtAgent(recipient)) return rejection("bad_request");
    if (sender === undefined) return rejection("sender_required", "a message needs a sender: encrypt it with authcrypt");
    if (canonicalDid(sender) !== sender) return rejection("bad_request", undefined, "sender_spelling");
    // It would pass for one that its agent has sent here, which is proven.
    if (isHosted(sender)) return rejection("bad_request", "agents of this node send through their connections", "sender_here");
    knownHosts.check(sender);
    if (!this.#unread.tryTake(address, unitsOf(text.length))) return rejection("rate_limited", "too many messages; slow down");
    const accept = async (onStored?: () => void): Promise<InboundResult> => {
      const received = await this.#options.receive(
        routedMessage(message, text, { sender, recipients: [recipient], owner: address, remote: true, onStored }),
      );
      return received.ok ? ACCEPTED : { ok: false, response: responseToRejection(received.rejection) };
    };
    return { ok: true, isSlow: false, accept };
  }

  /** Processes each enclosed envelope like a posted one, one after the other. */
  async #forward({ message, metadata }: Unpacked, { address, depth }: Arrival): Promise<InboundResult> {
    const forward = depth === MAX_FORWARDS ? undefined : readForward(message);
    if (forward === undefined) return rejection("bad_request", undefined, "forward_invalid");
    if (!this.#options.isHosted(forward.next)) {
      const { mediator } = this.#options;
      if (mediator === undefined || didOf(metadata.recipientKid ?? "") !== mediator.did) return rejection("not_found");
      return responseToForward(await mediator.queue(forward.next, forward.envelopes, message.expiresTime));
    }
    for (const envelope of forward.envelopes) {
      // oxlint-disable-next-line no-await-in-loop
      const opened = await this.#open({ envelope, address, depth: depth + 1 });
      // oxlint-disable-next-line no-await-in-loop
      const result = opened.ok ? await opened.accept() : opened;
      if (!result.ok) return result;
    }
    return ACCEPTED;
  }

  #unpack({ envelope, address }: Arrival): Promise<Unpacked> {
    const { keys, resolver, unknownSenders, knownHosts, isHosted, keysAtAgent, limits } = this.#options;
    const crypto = createDidcommCrypto({
      privateKey: async (kid) => {
        const key = await keys.find(kid);
        if (key === undefined && keysAtAgent(didOf(kid) ?? "")) throw new HeldByAgent();
        return key;
      },
      // Resolution for unknown senders is charged to the client's address.
      resolver: {
        resolve: async (did, options) => {
          if (!isHosted(did)) knownHosts.check(did);
          const find = (): ReturnType<DidResolver["resolve"]> => resolver.resolve(did, options);
          return isHosted(did) || unknownSenders.isKnown(did) ? find() : unknownSenders.resolve(address, find);
        },
      },
      limits: { maxLength: limits.maxEnvelopeBytes },
    });
    return crypto.unpack(envelope);
  }

  /**
   * Records an authenticated sender. DIDs without a host cost nothing to create, so all their messages are charged to the address, not
   * only the first.
   */
  #authenticated(sender: string, address: string, units: number): void {
    const { unknownSenders } = this.#options;
    if (!hasHost(sender)) {
      // Resolving its document has cost one unit already.
      const left = unknownSenders.isKnown(sender) ? units : units - 1;
      if (left > 0) unknownSenders.take(address, left);
    }
    unknownSenders.add(sender);
  }
}

function responseToForward(forwarded: Forwarded): InboundResult {
  switch (forwarded) {
    case "unknown":
      return rejection("not_found", "the recipient is not registered with this mediator", "forward_unknown");
    case "full":
      return rejection("inbox_full", "too many messages wait for the recipient");
    case "too_large":
      return rejection("too_large");
    default:
      return ACCEPTED;
  }
}

function hasHost(did: string): boolean {
  return did.startsWith("did:web:");
}

function rejection(code: InboundCode, error?: string, counted?: string): Rejected {
  return { ok: false, response: response(code, error, counted) };
}
