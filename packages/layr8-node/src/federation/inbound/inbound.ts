import { createDidcommCrypto, type Unpacked } from "@parley/didcomm-crypto";
import { canonicalDid, didOf, type DidResolver } from "@parley/did";
import { deferred, RateLimiter, TimeSlice } from "@parley/core/internal";
import { lookalikeOf } from "../../routing/read-message.ts";
import type { Received } from "../../routing/router.ts";
import type { CheckResult } from "../../routing/rejection.ts";
import type { AgreementKeys } from "../agreement-keys.ts";
import { extraUnitsOf, unitsOf } from "../../routing/work.ts";
import { hostOf } from "../outbound/quota.ts";
import { response, responseToError, responseToRejection, type InboundResponse } from "./inbound-response.ts";
import { isForward, readForward } from "./forward.ts";
import type { KnownHosts } from "./known-hosts.ts";
import type { UnknownSenderLimiter } from "./unknown-sender-limiter.ts";

/** Options of {@link Inbound}. */
export interface InboundOptions {
  readonly isHosted: (did: string) => boolean;
  readonly keys: AgreementKeys;
  /** Resolves the DID documents of senders. */
  readonly resolver: DidResolver;
  readonly strangers: UnknownSenderLimiter;
  readonly knownHosts: KnownHosts;
  /** Bytes of an envelope. */
  readonly maxEnvelopeBytes: number;
  /** Characters of a message's JSON. */
  readonly maxMessageLength: number;
  /** Messages per second from one sender on another node. */
  readonly messagesPerSecond: number;
  /** Accepts a decrypted message. See `Router.receive`. */
  receive(message: Received): Promise<CheckResult>;
  /**
   * Called once per envelope.
   *
   * @param counted label of the response in metrics.
   * @param error why the envelope could not be decrypted, if that is the reason. For the operator's log, not for the other node.
   */
  onAnswered(counted: string, error?: unknown): void;
  /** Called when an authcrypted message is accepted, which only its sender can have encrypted: the sender's node is alive. */
  onHeard(sender: string): void;
  onFailure(error: unknown): void;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
}

/** Result of a batch: the number of envelopes accepted before the first rejection, and that rejection. */
export interface BatchResult {
  readonly accepted: number;
  readonly rejection: InboundResponse | undefined;
}

/** An envelope and its origin. */
interface Arrival {
  readonly envelope: string | Uint8Array;
  /** The client address charged for it. */
  readonly address: string;
  /** Number of forwards that wrapped it. */
  readonly depth: number;
  /** See {@link Received.onStored}. */
  readonly onStored?: (() => void) | undefined;
}

/** Maximum nesting of forwards. */
const MAX_FORWARDS = 2;
const MAX_SENDERS = 10_000;
/** Rate of all senders of one host together, as a multiple of one sender's rate. */
const HOST_SHARES = 10;

/** Decrypts envelopes posted by other nodes, authenticates the sender, and passes the messages to the router. */
export class Inbound {
  readonly #options: InboundOptions;
  readonly #senders: RateLimiter;
  readonly #hosts: RateLimiter;

  constructor(options: InboundOptions) {
    const { messagesPerSecond: perSecond, now } = options;
    this.#options = options;
    this.#senders = new RateLimiter({ perSecond, maxOwners: MAX_SENDERS, now });
    this.#hosts = new RateLimiter({ perSecond: HOST_SHARES * perSecond, maxOwners: MAX_SENDERS, now });
  }

  /**
   * Processes a batch of envelopes in order, up to the first one that is rejected. Each starts when the one before has its place in the
   * recipient's inbox, so that all of them share durable commits. Called by the HTTP route. Never rejects.
   */
  async takeAll(envelopes: readonly Uint8Array[], address: string): Promise<BatchResult> {
    const slice = new TimeSlice();
    const results: Promise<InboundResponse | undefined>[] = [];
    let isRejected = false;
    for (const envelope of envelopes) {
      const stored = deferred<undefined>();
      const result = this.take(envelope, address, () => stored.resolve(undefined));
      results.push(result);
      // oxlint-disable-next-line no-await-in-loop
      await Promise.race([stored.promise, result.then((rejection) => (isRejected ||= rejection !== undefined))]);
      if (isRejected) break;
      // oxlint-disable-next-line no-await-in-loop
      if (slice.isOver) await slice.next();
    }
    const all = await Promise.all(results);
    const accepted = all.findIndex((rejection) => rejection !== undefined);
    return accepted === -1 ? { accepted: all.length, rejection: undefined } : { accepted, rejection: all[accepted] };
  }

  /**
   * Processes one envelope. Called by the HTTP route. Never rejects.
   *
   * @param address client address, for the limits on unknown senders.
   * @param onStored called when the message has its place in the recipient's inbox, before it is durable. Not called for forwards.
   */
  async take(envelope: Uint8Array, address: string, onStored?: () => void): Promise<InboundResponse | undefined> {
    try {
      const refused = await this.#take({ envelope, address, depth: 0, onStored });
      this.#options.onAnswered(refused?.counted ?? "accepted");
      return refused;
    } catch (error) {
      const failed = responseToError(error);
      if (failed.code === "internal" || failed.code === "storage_failed") this.#options.onFailure(error);
      this.#options.onAnswered(failed.counted, error);
      return failed;
    }
  }

  async #take(arrival: Arrival): Promise<InboundResponse | undefined> {
    const unpacked = await this.#unpack(arrival);
    const { message, sender, plaintext, metadata } = unpacked;
    const units = unitsOf(plaintext.length) + extraUnitsOf({ ...message, to: [] }, plaintext.length);
    if (!metadata.encrypted) return response("bad_request", undefined, "not_encrypted");
    if (sender === undefined) this.#options.strangers.take(arrival.address);
    else this.#meet(sender, arrival.address, units);
    if (plaintext.length > this.#options.maxMessageLength && !isForward(message)) return response("too_large");
    if (isForward(message)) return this.#forward(unpacked, arrival);
    if (sender === undefined) return response("sender_required", "a message needs a sender: encrypt it with authcrypt, or sign it");
    const recipient = didOf(metadata.recipientKid ?? "");
    // Authcrypt binds the message to the recipient's key, so a recipient can't re-encrypt it for a third party in the sender's name. A
    // signature alone doesn't: it needs `to`.
    if (recipient === undefined || (message.to.length === 0 && metadata.encryptedFromKid === undefined)) {
      return response("bad_request", undefined, "to_missing");
    }
    if (canonicalDid(sender) !== sender) {
      return response("bad_request", `the sender's DID must be written ${canonicalDid(sender) ?? "as a DID"}`, "sender_spelling");
    }
    if (lookalikeOf(message) !== undefined) return response("bad_request", undefined, "plaintext_invalid");
    const host = hostOf(sender);
    if (!this.#senders.tryTake(sender, units) || !this.#hosts.tryTake(host, units))
      return response("rate_limited", "too many messages; slow down");
    const received = await this.#options.receive({
      message,
      text: plaintext,
      sender,
      recipient,
      owner: hasHost(sender) ? host : arrival.address,
      onStored: arrival.onStored,
    });
    if (!received.ok) return responseToRejection(received.rejection);
    if (metadata.encryptedFromKid !== undefined) this.#options.onHeard(sender);
    return undefined;
  }

  /** Processes each enclosed envelope like a posted one, one after the other. */
  async #forward({ message }: Unpacked, { address, depth }: Arrival): Promise<InboundResponse | undefined> {
    const forward = depth === MAX_FORWARDS ? undefined : readForward(message);
    if (forward === undefined) return response("bad_request", undefined, "forward_invalid");
    if (!this.#options.isHosted(forward.next)) return response("not_found");
    for (const envelope of forward.envelopes) {
      const refused = await this.#take({ envelope, address, depth: depth + 1 });
      if (refused !== undefined) return refused;
    }
    return undefined;
  }

  #unpack({ envelope, address }: Arrival): Promise<Unpacked> {
    const { keys, resolver, strangers, knownHosts, isHosted, maxEnvelopeBytes } = this.#options;
    const crypto = createDidcommCrypto({
      privateKey: (kid) => keys.find(kid),
      // Resolution for unknown senders is charged to the client's address.
      resolver: {
        resolve: async (did, options) => {
          if (!isHosted(did)) knownHosts.check(did);
          const find = (): ReturnType<DidResolver["resolve"]> => resolver.resolve(did, options);
          return isHosted(did) || strangers.hasMet(did) ? find() : strangers.ask(address, find);
        },
      },
      limits: { maxLength: maxEnvelopeBytes },
    });
    return crypto.unpack(envelope);
  }

  /**
   * Remembers an authenticated sender. DIDs without a host cost nothing to create, so all their messages are charged to the address, not
   * only the first.
   */
  #meet(sender: string, address: string, units: number): void {
    const { strangers } = this.#options;
    if (!hasHost(sender)) {
      // Resolving its document has cost one unit already.
      const left = strangers.hasMet(sender) ? units : units - 1;
      if (left > 0) strangers.take(address, left);
    }
    strangers.meet(sender);
  }
}

function hasHost(did: string): boolean {
  return did.startsWith("did:web:");
}
