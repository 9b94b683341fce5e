import { createDidcommCrypto, type Unpacked } from "@parley/didcomm-crypto";
import { canonicalDid, didOf, type DidResolver } from "@parley/did";
import { deferred, RateLimiter, TimeSlice } from "@parley/core/internal";
import type { NodeLimits } from "../../options.ts";
import { inboundMessage, type InboundMessage } from "../../routing/inbound-message.ts";
import { checkHeaders } from "../../routing/parse/parse-message.ts";
import type { CheckResult } from "../../routing/rejection.ts";
import type { AgreementKeys } from "../agreement-keys.ts";
import { extraUnitsOf, unitsOf } from "../../work-units.ts";
import { hostOf } from "../outbound/quota.ts";
import { ACCEPTED, response, responseToError, responseToRejection, type InboundCode, type InboundResult } from "./inbound-response.ts";
import { isForward, readForward } from "./forward.ts";
import type { KnownHosts } from "./known-hosts.ts";
import type { UnknownSenderLimiter } from "./unknown-sender-limiter.ts";

/** Options of {@link Inbound}. */
export interface InboundOptions {
  readonly isHosted: (did: string) => boolean;
  readonly keys: AgreementKeys;
  /** Resolves the DID documents of senders. */
  readonly resolver: DidResolver;
  readonly unknownSenders: UnknownSenderLimiter;
  readonly knownHosts: KnownHosts;
  readonly limits: Pick<NodeLimits, "maxEnvelopeBytes" | "maxMessageLength" | "remoteMessagesPerSecond">;
  /** Accepts a decrypted message. See `Router.receive`. */
  receive(message: InboundMessage): Promise<CheckResult>;
  /**
   * Called once per envelope.
   *
   * @param counted label of the response in metrics.
   * @param error why the envelope could not be decrypted, if that is the reason. For the operator's log, not for the other node.
   */
  onProcessed(counted: string, error?: unknown): void;
  /** Called when an authcrypted message is accepted, which only its sender can have encrypted: the sender's node is alive. */
  onAuthenticated(sender: string): void;
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
  /** See {@link InboundMessage.onStored}. */
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
    const { now } = options;
    const perSecond = options.limits.remoteMessagesPerSecond;
    this.#options = options;
    this.#senders = new RateLimiter({ perSecond, maxOwners: MAX_SENDERS, now });
    this.#hosts = new RateLimiter({ perSecond: HOST_SHARES * perSecond, maxOwners: MAX_SENDERS, now });
  }

  /**
   * Processes a batch of envelopes in order, up to the first one that is rejected. Each starts when the one before has its place in the
   * recipient's inbox, so that all of them share durable commits. Called by the HTTP route. Never rejects.
   */
  async takeAll(envelopes: readonly Uint8Array[], address: string): Promise<InboundResult> {
    const slice = new TimeSlice();
    const results: Promise<InboundResult>[] = [];
    let isRejected = false;
    for (const envelope of envelopes) {
      const stored = deferred<undefined>();
      const result = this.take(envelope, address, () => stored.resolve(undefined));
      results.push(result);
      // oxlint-disable-next-line no-await-in-loop
      await Promise.race([stored.promise, result.then(({ ok }) => (isRejected ||= !ok))]);
      if (isRejected) break;
      // oxlint-disable-next-line no-await-in-loop
      if (slice.isOver) await slice.next();
    }
    const all = await Promise.all(results);
    const accepted = all.findIndex(({ ok }) => !ok);
    const rejected = all[accepted];
    return rejected === undefined || rejected.ok ? ACCEPTED : { ...rejected, accepted };
  }

  /**
   * Processes one envelope. Called by the HTTP route. Never rejects.
   *
   * @param address client address, for the limits on unknown senders.
   * @param onStored called when the message has its place in the recipient's inbox, before it is durable. Not called for forwards.
   */
  async take(envelope: Uint8Array, address: string, onStored?: () => void): Promise<InboundResult> {
    try {
      const result = await this.#take({ envelope, address, depth: 0, onStored });
      this.#options.onProcessed(result.ok ? "accepted" : result.response.counted);
      return result;
    } catch (error) {
      const failed = responseToError(error);
      if (failed.code === "internal" || failed.code === "storage_failed") this.#options.onFailure(error);
      this.#options.onProcessed(failed.counted, error);
      return { ok: false, response: failed };
    }
  }

  async #take(arrival: Arrival): Promise<InboundResult> {
    const unpacked = await this.#unpack(arrival);
    const { message, sender, plaintext, metadata } = unpacked;
    const units = unitsOf(plaintext.length) + extraUnitsOf({ ...message, to: [] }, plaintext.length);
    if (!metadata.encrypted) return rejection("bad_request", undefined, "not_encrypted");
    if (sender === undefined) this.#options.unknownSenders.take(arrival.address);
    else this.#authenticated(sender, arrival.address, units);
    if (plaintext.length > this.#options.limits.maxMessageLength && !isForward(message)) return rejection("too_large");
    if (isForward(message)) return this.#forward(unpacked, arrival);
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
    const received = await this.#options.receive(
      inboundMessage(message, plaintext, { sender, recipients: [recipient], owner, remote: true, onStored: arrival.onStored }),
    );
    if (!received.ok) return { ok: false, response: responseToRejection(received.rejection) };
    if (metadata.encryptedFromKid !== undefined) this.#options.onAuthenticated(sender);
    return ACCEPTED;
  }

  /** Processes each enclosed envelope like a posted one, one after the other. */
  async #forward({ message }: Unpacked, { address, depth }: Arrival): Promise<InboundResult> {
    const forward = depth === MAX_FORWARDS ? undefined : readForward(message);
    if (forward === undefined) return rejection("bad_request", undefined, "forward_invalid");
    if (!this.#options.isHosted(forward.next)) return rejection("not_found");
    for (const envelope of forward.envelopes) {
      const result = await this.#take({ envelope, address, depth: depth + 1 });
      if (!result.ok) return result;
    }
    return ACCEPTED;
  }

  #unpack({ envelope, address }: Arrival): Promise<Unpacked> {
    const { keys, resolver, unknownSenders, knownHosts, isHosted, limits } = this.#options;
    const crypto = createDidcommCrypto({
      privateKey: (kid) => keys.find(kid),
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
   * Remembers an authenticated sender. DIDs without a host cost nothing to create, so all their messages are charged to the address, not
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

function hasHost(did: string): boolean {
  return did.startsWith("did:web:");
}

function rejection(code: InboundCode, error?: string, counted?: string): InboundResult {
  return { ok: false, response: response(code, error, counted) };
}
