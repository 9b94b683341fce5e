import { auditText, type AuditEvent, type AuditKind, messageDigest } from "@parley/audit";
import { RateLimiter } from "@parley/core/internal";
import type { DidResolver } from "@parley/did";
import type { Clock } from "../clock.ts";
import { BoundedMap } from "../bounded-map.ts";
import type { OutboundMessage } from "../federation/outbound/outbound-message.ts";
import type { InboxMessage } from "../inbox/inbox.ts";
import { nodeHoldsKeys } from "../network/hosted-resolver.ts";
import type { AuditedMessage, AuditTrail } from "../routing/audit-trail.ts";
import { auditedMessage, type RoutedMessage } from "../routing/routed-message.ts";
import type { RouterEvents } from "../routing/router.ts";
import type { AuditChains } from "./audit-chains.ts";
import { exportChain } from "./export-chain.ts";
import { HeadSigner, type SigningKeys } from "./head-signer.ts";
import { Retention, type RetentionLimits } from "./retention.ts";
import { checkHead } from "./witness.ts";

/** Options of {@link Audit}. */
export interface AuditOptions {
  readonly chains: AuditChains;
  readonly dids: SigningKeys & { has(did: string): boolean; keysAtAgent(did: string): boolean };
  readonly clock: Clock;
  readonly limits: RetentionLimits;
  readonly onFailure: (error: unknown) => void;
}

/** The head of an agent's chain. */
export interface SignedHead {
  readonly agent: string;
  /** Number of the last entry; 0 without one. */
  readonly seq: number;
  readonly hash: string;
  /** Number of the first entry that is still stored. */
  readonly first: number;
  /** A compact JWS. */
  readonly head: string;
  /** The signed statement of the entries that retention has removed: a compact JWS. */
  readonly cut?: string | undefined;
}

/** Entries per second about messages that were rejected before they were stored, in one chain, and how many can be saved up. */
const REFUSED = { perSecond: 1, burst: 100 };
/** Recipients of one rejected message that are recorded. */
const MAX_RECIPIENTS = 16;
/** Pairs whose last witnessed head is remembered. */
const MAX_PAIRS = 100_000;

/** Records what the node does with the messages of its agents: a chain for each DID whose key the node has. */
export class Audit implements AuditTrail {
  readonly #options: AuditOptions;
  readonly #signer: HeadSigner;
  readonly #retention: Retention;
  readonly #refusals: RateLimiter;
  /** Refused messages without an entry, by agent. */
  readonly #omitted = new Map<string, number>();
  /** The last head that each agent has witnessed of each other party. */
  readonly #witnessed = new BoundedMap<string, string>(MAX_PAIRS);

  constructor(options: AuditOptions) {
    const { chains, dids, clock, limits } = options;
    this.#options = options;
    this.#signer = new HeadSigner(dids);
    this.#retention = new Retention(chains, { signer: this.#signer, limits, now: () => clock.expiry() });
    chains.onLost(options.onFailure);
    this.#refusals = new RateLimiter({ ...REFUSED, now: () => clock.monotonic() });
  }

  accepted(message: AuditedMessage): void {
    const event = this.#event("accepted", message);
    for (const agent of this.#partiesOf(message)) this.#options.chains.add(agent, event, { withMessage: true });
  }

  answered(message: AuditedMessage): void {
    this.accepted(message);
    this.#add(message.to, this.#event("handled", message));
  }

  refused(message: AuditedMessage, code: string): void {
    const event = { ...this.#event("refused", message), code: auditText(code) };
    for (const agent of this.#partiesOf(message)) this.#options.chains.add(agent, event);
  }

  /** The recipient's node has accepted a message of an agent here. */
  sent(message: OutboundMessage): void {
    this.#add(message.sender, this.#event("delivered", auditedOutbound(message)));
  }

  /** A message to another node can't be delivered. */
  undeliverable(message: OutboundMessage, code: string): void {
    this.refused(auditedOutbound(message), code);
  }

  /** A message in an inbox was not handled. */
  unhandled(message: InboxMessage, code: string): void {
    this.refused(this.#inInbox(message), code);
  }

  /** Records events of the router, too. */
  observe(events: RouterEvents): RouterEvents {
    return {
      ...events,
      // Rejections after the first checks are only reported with it.
      onAccepted: (inbound) => events.onAccepted?.(inbound),
      onRejected: (sender, rejection, inbound) => {
        events.onRejected?.(sender, rejection, inbound);
        if (inbound !== undefined) this.#rejected(inbound, rejection.code ?? rejection.label);
      },
      onDelivered: (message, attempt) => {
        events.onDelivered(message, attempt);
        if (attempt === 1) this.#add(message.recipient, this.#event("delivered", this.#inInbox(message)));
      },
      onSettled: (message, settlement, ms) => {
        events.onSettled?.(message, settlement, ms);
        if (settlement === "handled") this.#add(message.recipient, this.#event("handled", this.#inInbox(message)));
      },
    };
  }

  /** The head of an agent's chain, without its number, for the other party of an exchange; `undefined` if it has no entries. Never rejects. */
  async headForPeers(agent: string): Promise<string | undefined> {
    const { chains } = this.#options;
    await chains.written(agent);
    const { seq, hash } = chains.find(agent);
    if (seq === 0) return undefined;
    return this.#signer.headForPeers({ agent, hash, time: this.#time() }).catch((error: unknown) => {
      this.#options.onFailure(error);
      return undefined;
    });
  }

  /** Records a head that the node of another party has sent, if the party has signed it. Never rejects. */
  async witness(agent: string, peer: string, jws: string, resolver: DidResolver): Promise<void> {
    const pair = `${agent} ${peer}`;
    if (!this.#isAudited(agent) || this.#witnessed.get(pair) === jws) return;
    // Before it is checked: the messages of a batch arrive with the same head.
    this.#witnessed.set(pair, jws);
    const head = await checkHead(jws, peer, resolver).catch(() => undefined);
    if (head !== undefined) this.#add(agent, { time: this.#time(), kind: "witnessed", from: peer, to: agent, head: jws });
    else if (this.#witnessed.get(pair) === jws) this.#witnessed.delete(pair);
  }

  /** The signed head of an agent's chain; `undefined` if the agent is not audited. @throws StorageError */
  async head(agent: string): Promise<SignedHead | undefined> {
    if (!this.#isAudited(agent)) return undefined;
    const { seq, hash, first, cut } = this.#options.chains.find(agent);
    const head = await this.#signer.head({ agent, seq, hash, time: this.#time() });
    return head === undefined ? undefined : { agent, seq, hash, first, head, ...(cut !== undefined && { cut }) };
  }

  /** The entries of an agent after a number, oldest first. @throws StorageError `storage_failed` */
  entries(agent: string, after: number, limit: number): ReturnType<AuditChains["read"]> {
    return this.#options.chains.read(agent, after, limit);
  }

  /** The lines of an agent's export; `undefined` if the agent is not audited. @param peer the party that it is for. @throws StorageError */
  async export(agent: string, peer?: string): Promise<AsyncGenerator<string> | undefined> {
    if (!this.#isAudited(agent)) return undefined;
    const { chains } = this.#options;
    const chain = chains.find(agent);
    const { seq, hash } = chain;
    const [key, head] = [await this.#signer.publicKey(agent), await this.#signer.head({ agent, seq, hash, time: this.#time() })];
    return key === undefined || head === undefined ? undefined : exportChain(chains, { chain, key, head, peer });
  }

  /** Removes the chain of a DID that is no longer hosted. @throws StorageError `storage_failed` */
  async forget(agent: string): Promise<void> {
    this.#signer.forget(agent);
    this.#omitted.delete(agent);
    await this.#options.chains.remove(agent);
  }

  /** Removes entries beyond the limits. Called by the node, every second. @throws StorageError `storage_failed` */
  sweep(): Promise<void> {
    return this.#retention.sweep();
  }

  /** A message was rejected before it was stored. Anyone can cause these, so only some of them get an entry. */
  #rejected(inbound: RoutedMessage, code: string): void {
    for (const to of [...new Set(inbound.recipients)].slice(0, MAX_RECIPIENTS)) {
      const message = auditedMessage(inbound, to);
      for (const agent of this.#partiesOf(message)) {
        const omitted = this.#omitted.get(agent) ?? 0;
        if (!this.#refusals.tryTake(agent)) {
          this.#omitted.set(agent, omitted + 1);
          continue;
        }
        this.#omitted.delete(agent);
        const event = { ...this.#event("refused", message), code: auditText(code), ...(omitted > 0 && { omitted }) };
        this.#options.chains.add(agent, event);
      }
    }
  }

  #add(agent: string, event: AuditEvent): void {
    if (this.#isAudited(agent)) this.#options.chains.add(agent, event);
  }

  #partiesOf({ from, isFromProven, to }: AuditedMessage): readonly string[] {
    const parties = isFromProven && from !== to ? [from, to] : [to];
    return parties.filter((did) => this.#isAudited(did));
  }

  /** The node has decrypted it, and so proven its sender, if it holds the recipient's keys. */
  #inInbox({ from = "", recipient, id, type, thread, plaintext }: InboxMessage): AuditedMessage {
    return { from, isFromProven: this.#isAudited(recipient), to: recipient, id, type, thread, plaintext };
  }

  /** Only the key in the DID document can sign a head that others can check. */
  #isAudited(did: string): boolean {
    const { dids } = this.#options;
    return nodeHoldsKeys(did) && dids.has(did) && !dids.keysAtAgent(did);
  }

  #event(kind: AuditKind, { from, to, id, type, thread, plaintext }: AuditedMessage): AuditEvent {
    return {
      time: this.#time(),
      kind,
      from,
      to,
      id: auditText(id),
      type: auditText(type),
      ...(thread !== undefined && { thread: auditText(thread) }),
      digest: messageDigest(plaintext),
    };
  }

  #time(): string {
    return new Date(this.#options.clock.expiry()).toISOString();
  }
}

/** Its thread is only in the plaintext; the entry of its acceptance has it. */
function auditedOutbound({ sender, recipient, id, type, plaintext }: OutboundMessage): AuditedMessage {
  return { from: sender, isFromProven: true, to: recipient, id, type, thread: undefined, plaintext };
}
