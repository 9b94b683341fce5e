import { createDidcommCrypto, type Unpacked } from "@parley/didcomm-crypto";
import { canonicalDid, didOf, type DidResolver } from "@parley/did";
import { RateLimit } from "../../phoenix/rate-limit.ts";
import { lookalikeOf } from "../../routing/read-message.ts";
import type { Received } from "../../routing/router.ts";
import type { Refusal } from "../../routing/refusal.ts";
import type { AgreementKeys } from "../agreement-keys.ts";
import { BoundedMap } from "../bounded-map.ts";
import { answer, answerToError, answerToRefusal, type InboundAnswer } from "./answer.ts";
import { isForward, readForward } from "./forward.ts";
import type { Strangers } from "./strangers.ts";

/** What {@link Inbound} is made with. */
export interface InboundOptions {
  readonly isHosted: (did: string) => boolean;
  readonly keys: AgreementKeys;
  /** Finds documents of senders. */
  readonly resolver: DidResolver;
  readonly strangers: Strangers;
  /** Bytes of an envelope. */
  readonly maxEnvelopeBytes: number;
  /** Characters of a message's JSON. */
  readonly maxMessageLength: number;
  /** Messages that one sender on another node may send in a second. */
  readonly messagesPerSecond: number;
  /** Takes what has been opened. See `Router.receive`. */
  receive(message: Received): Promise<Refusal | undefined>;
  /** @param error what came of opening it, where that is why it was refused: for the operator's eyes, not the other node's. */
  onAnswered(counted: string, error?: unknown): void;
  /** A message was taken that nobody but its sender can have encrypted: a sign of life of the sender's node. */
  onHeard(sender: string): void;
  onFailure(error: unknown): void;
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

/** Opens what other nodes post, finds out who has sent it, and has it stored. `undefined` stands for a message that is durable. */
export class Inbound {
  readonly #options: InboundOptions;
  readonly #rates = new BoundedMap<string, RateLimit>(MAX_SENDERS);

  constructor(options: InboundOptions) {
    this.#options = options;
  }

  /** Never rejects. @param address what the limits for strangers go by. */
  async take(envelope: Uint8Array, address: string): Promise<InboundAnswer | undefined> {
    try {
      const refused = await this.#take({ envelope, address, depth: 0 });
      this.#options.onAnswered(refused?.counted ?? "accepted");
      return refused;
    } catch (error) {
      const failed = answerToError(error);
      if (failed.code === "internal" || failed.code === "storage_failed") this.#options.onFailure(error);
      this.#options.onAnswered(failed.counted, error);
      return failed;
    }
  }

  async #take(arrival: Arrival): Promise<InboundAnswer | undefined> {
    const unpacked = await this.#unpack(arrival);
    const { message, sender, plaintext, metadata } = unpacked;
    if (!metadata.encrypted) return answer("bad_request", undefined, "not_encrypted");
    if (sender === undefined) this.#options.strangers.take(arrival.address);
    else this.#options.strangers.meet(sender);
    if (plaintext.length > this.#options.maxMessageLength && !isForward(message)) return answer("too_large");
    if (isForward(message)) return this.#forward(unpacked, arrival);
    if (sender === undefined) return answer("sender_required", "a message needs a sender: encrypt it with authcrypt, or sign it");
    const recipient = didOf(metadata.recipientKid ?? "");
    // Authcrypt binds the message to the recipient's key, so a recipient can't re-encrypt it for someone else in the sender's name. A
    // signature alone doesn't: it needs `to`.
    if (recipient === undefined || (message.to.length === 0 && metadata.encryptedFromKid === undefined)) {
      return answer("bad_request", undefined, "to_missing");
    }
    if (canonicalDid(sender) !== sender) {
      return answer("bad_request", `the sender's DID must be written ${canonicalDid(sender) ?? "as a DID"}`, "sender_spelling");
    }
    if (lookalikeOf(message) !== undefined) return answer("bad_request", undefined, "plaintext_invalid");
    if (!this.#rateOf(sender).take()) return answer("rate_limited", "too many messages; slow down");
    const refused = await this.#options.receive({ message, text: plaintext, sender, recipient });
    if (refused !== undefined) return answerToRefusal(refused);
    if (metadata.encryptedFromKid !== undefined) this.#options.onHeard(sender);
    return undefined;
  }

  /** What is inside is handled as if it had been posted by itself, one after the other. */
  async #forward({ message }: Unpacked, { address, depth }: Arrival): Promise<InboundAnswer | undefined> {
    const forward = depth === MAX_FORWARDS ? undefined : readForward(message);
    if (forward === undefined) return answer("bad_request", undefined, "forward_invalid");
    if (!this.#options.isHosted(forward.next)) return answer("not_found");
    for (const envelope of forward.envelopes) {
      const refused = await this.#take({ envelope, address, depth: depth + 1 });
      if (refused !== undefined) return refused;
    }
    return undefined;
  }

  #unpack({ envelope, address }: Arrival): Promise<Unpacked> {
    const { keys, resolver, strangers, isHosted, maxEnvelopeBytes } = this.#options;
    const crypto = createDidcommCrypto({
      privateKey: (kid) => keys.find(kid),
      // What a stranger makes the node look for is counted against its address.
      resolver: {
        resolve: (did, options) => {
          const find = (): ReturnType<DidResolver["resolve"]> => resolver.resolve(did, options);
          return isHosted(did) || strangers.hasMet(did) ? find() : strangers.ask(address, find);
        },
      },
      limits: { maxLength: maxEnvelopeBytes },
    });
    return crypto.unpack(envelope);
  }

  #rateOf(sender: string): RateLimit {
    let rate = this.#rates.get(sender);
    if (rate === undefined) {
      rate = new RateLimit(this.#options.messagesPerSecond, this.#options.now);
      this.#rates.set(sender, rate);
    }
    return rate;
  }
}
