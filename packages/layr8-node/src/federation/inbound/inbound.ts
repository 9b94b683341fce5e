import { createDidcommCrypto, type Unpacked } from "@parley/didcomm-crypto";
import { canonicalDid, didOf, type DidResolver } from "@parley/did";
import { RateLimiter } from "@parley/core/internal";
import { lookalikeOf } from "../../routing/read-message.ts";
import type { Received } from "../../routing/router.ts";
import type { Rejection } from "../../routing/rejection.ts";
import type { AgreementKeys } from "../agreement-keys.ts";
import { extraUnitsOf, unitsOf } from "../../routing/work.ts";
import { hostOf } from "../outbound/quota.ts";
import { response, responseToError, responseToRejection, type InboundResponse } from "./inbound-response.ts";
import { isForward, readForward } from "./forward.ts";
import type { KnownHosts } from "./known-hosts.ts";
import type { UnknownSenderLimiter } from "./unknown-sender-limiter.ts";

/** What {@link Inbound} is made with. */
export interface InboundOptions {
  readonly isHosted: (did: string) => boolean;
  readonly keys: AgreementKeys;
  /** Finds documents of senders. */
  readonly resolver: DidResolver;
  readonly strangers: UnknownSenderLimiter;
  readonly knownHosts: KnownHosts;
  /** Bytes of an envelope. */
  readonly maxEnvelopeBytes: number;
  /** Characters of a message's JSON. */
  readonly maxMessageLength: number;
  /** Messages that one sender on another node may send in a second. */
  readonly messagesPerSecond: number;
  /** Takes what has been opened. See `Router.receive`. */
  receive(message: Received): Promise<Rejection | undefined>;
  /** @param error what came of opening it, where that is why it was refused: for the operator's eyes, not the other node's. */
  onAnswered(counted: string, error?: unknown): void;
  /** A message was taken that nobody but its sender can have encrypted: a sign of life of the sender's node. */
  onHeard(sender: string): void;
  onFailure(error: unknown): void;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
}

/** An envelope, and where it came from. */
interface Arrival {
  readonly envelope: string | Uint8Array;
  /** The address that it is counted against. */
  readonly address: string;
  /** Forwards around it. */
  readonly depth: number;
}

/** Forwards inside of one another that are opened. */
const MAX_FORWARDS = 2;
const MAX_SENDERS = 10_000;
/** What all senders of one host may send, in shares of one sender. */
const HOST_SHARES = 10;

/** Opens what other nodes post, finds out who has sent it, and has it stored. `undefined` stands for a message that is durable. */
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

  /** Never rejects. @param address what the limits for strangers go by. */
  async take(envelope: Uint8Array, address: string): Promise<InboundResponse | undefined> {
    try {
      const refused = await this.#take({ envelope, address, depth: 0 });
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
    // Authcrypt binds the message to the recipient's key, so a recipient can't re-encrypt it for someone else in the sender's name. A
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
    const refused = await this.#options.receive({
      message,
      text: plaintext,
      sender,
      recipient,
      owner: hasHost(sender) ? host : arrival.address,
    });
    if (refused !== undefined) return responseToRejection(refused);
    if (metadata.encryptedFromKid !== undefined) this.#options.onHeard(sender);
    return undefined;
  }

  /** What is inside is handled as if it had been posted by itself, one after the other. */
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
      // What a stranger makes the node look for is counted against its address.
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

  /** DIDs without a host cost nothing to make, so that all of their messages are counted for the address, and not only the first. */
  #meet(sender: string, address: string, units: number): void {
    const { strangers } = this.#options;
    if (!hasHost(sender)) {
      // Looking for its document has cost a unit already.
      const left = strangers.hasMet(sender) ? units : units - 1;
      if (left > 0) strangers.take(address, left);
    }
    strangers.meet(sender);
  }
}

function hasHost(did: string): boolean {
  return did.startsWith("did:web:");
}
