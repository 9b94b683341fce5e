import type { MessageCrypto } from "../crypto/mls-crypto.ts";
import { MlsError } from "../errors.ts";
import { splitKey, type MessageKey } from "./message-key.ts";
import { LAST_GENERATION, type LeafRatchets, type Ratchet, type RatchetType } from "./ratchet.ts";
import { decodeRatchetChange, encodeRatchetChange, type Advance, type RatchetChange } from "./ratchet-change.ts";
import { ratchetLimits, type RatchetLimits } from "./ratchet-limits.ts";
import { SecretFrontier } from "./secret-frontier.ts";
import { SendLease } from "./send-lease.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { MAX_LEAVES } from "../tree/tree-index.ts";
import { createTreeKdf, type TreeKdf } from "./tree-kdf.ts";

/** What the consumption of a key leaves to do. */
export interface KeyUse {
  /** What a store has to keep so that the key stays consumed; see {@link SecretTree.apply}. It holds secrets. */
  readonly change: Uint8Array;
  /** Erases what was consumed. Call it when `change` is durable, or needn't be. */
  erase(): void;
}

/** Keys to send with. */
export interface LeaseGrant {
  /** What a store has to keep **before** the lease is used. It holds a secret, none that a message of the lease is read with. */
  readonly change: Uint8Array;
  readonly lease: SendLease;
}

/**
 * The secret tree of one epoch ([RFC 9420 §9](https://www.rfc-editor.org/rfc/rfc9420.html#section-9)), derived lazily: O(log n) at the
 * first message of a sender, a few hashes at the others, nothing before.
 *
 * It owns all message keys of the epoch, for application and handshake messages. To look at a key changes nothing; to use one gives a
 * change that a store can keep. The changes of a tree, applied in their order to a snapshot, give the same tree again.
 */
export class SecretTree {
  readonly leafCount: number;
  readonly ownLeaf: number;
  readonly #crypto: MessageCrypto;
  readonly #kdf: TreeKdf;
  readonly #limits: RatchetLimits;
  readonly #frontier: SecretFrontier;
  readonly #leaves: Map<number, LeafRatchets>;
  #skippedTotal = 0;

  private constructor(
    crypto: MessageCrypto,
    ownLeaf: number,
    limits: Partial<RatchetLimits> | undefined,
    frontier: SecretFrontier,
    leaves: Map<number, LeafRatchets>,
  ) {
    this.leafCount = frontier.leafCount;
    this.ownLeaf = ownLeaf;
    this.#crypto = crypto;
    this.#kdf = createTreeKdf(crypto);
    this.#limits = ratchetLimits(limits);
    this.#frontier = frontier;
    this.#leaves = leaves;
    for (const { handshake, application } of leaves.values()) this.#skippedTotal += handshake.skipped.size + application.skipped.size;
  }

  /**
   * Starts an epoch. The way to the own leaf is derived at once, so that nothing leads back to the encryption secret.
   *
   * @param encryptionSecret is erased.
   */
  static create(
    crypto: MessageCrypto,
    encryptionSecret: Uint8Array,
    leafCount: number,
    ownLeaf: number,
    limits?: Partial<RatchetLimits>,
  ): SecretTree {
    if (!isIndex(leafCount - 1, MAX_LEAVES)) throw new TypeError(`A tree has 1 to ${MAX_LEAVES} leaves`);
    if (!isIndex(ownLeaf, leafCount)) throw new TypeError("The own leaf must be one of the tree");
    if (encryptionSecret.length !== crypto.hashLength) throw new TypeError(`A secret has ${crypto.hashLength} bytes`);
    const frontier = SecretFrontier.fromRoot(crypto, encryptionSecret.slice(), leafCount);
    const tree = new SecretTree(crypto, ownLeaf, limits, frontier, new Map());
    const consumed = [encryptionSecret];
    tree.#open(ownLeaf, consumed);
    eraseAll(consumed);
    return tree;
  }

  /**
   * Restores a tree from a snapshot.
   *
   * @throws MlsError `state_damaged`
   */
  static restore(crypto: MessageCrypto, snapshot: Uint8Array, limits?: Partial<RatchetLimits>): SecretTree {
    const { leafCount, ownLeaf, nodes, leaves } = decodeSnapshot(crypto, snapshot);
    return new SecretTree(crypto, ownLeaf, limits, SecretFrontier.fromNodes(crypto, nodes, leafCount), leaves);
  }

  /**
   * All that isn't consumed yet; never the encryption secret, nor a key to a message of one's own. It holds secrets.
   *
   * A stored snapshot keeps what later changes consume. So store a new one in place of both from time to time, and before a file is
   * compacted.
   */
  snapshot(): Uint8Array {
    return encodeSnapshot(this.#crypto, {
      leafCount: this.leafCount,
      ownLeaf: this.ownLeaf,
      nodes: this.#frontier.nodes,
      leaves: this.#leaves,
    });
  }

  /**
   * The key of a generation, to try a message with. The tree doesn't change; the caller erases the key.
   *
   * @throws MlsError `generation_consumed`, `generation_too_far`, `own_message`
   */
  key(leaf: number, type: RatchetType, generation: number): MessageKey {
    this.#checkSender(leaf, generation);
    const ratchets = this.#leaves.get(leaf);
    if (ratchets !== undefined) return splitKey(this.#crypto, generation, this.#peek(ratchets[type], generation));
    const { ratchets: derived, erase } = this.#frontier.derive(leaf);
    try {
      return splitKey(this.#crypto, generation, this.#peek(derived[type], generation));
    } finally {
      erase();
    }
  }

  /**
   * Uses a key up, after the message that came with it has been authenticated.
   *
   * @throws MlsError `generation_consumed`, `generation_too_far`, `own_message`; nothing has changed then
   */
  consume(leaf: number, type: RatchetType, generation: number): KeyUse {
    this.#checkSender(leaf, generation);
    const known = this.#leaves.get(leaf)?.[type];
    this.#checkReach(known?.next ?? 0, known?.skipped, generation);
    const consumed: Uint8Array[] = [];
    const ratchet = this.#open(leaf, consumed)[type];
    const change = this.#changeFor(leaf, type, ratchet, generation);
    this.#apply(ratchet, change, consumed);
    return { change: encodeRatchetChange(this.#crypto, change), erase: () => eraseAll(consumed) };
  }

  /**
   * Keys for the next `count` messages of one's own. The ratchet is behind them at once. Others must be able to skip them all after a
   * crash: keep `count` well below their limit of forward steps (200 in ts-mls).
   *
   * @throws MlsError `generation_too_far` when the epoch has no generations left
   */
  leaseSend(type: RatchetType, count: number): LeaseGrant {
    if (!isIndex(count - 1, MAX_LEASE)) throw new TypeError(`A lease is for 1 to ${MAX_LEASE} messages`);
    const consumed: Uint8Array[] = [];
    const ratchet = this.#open(this.ownLeaf, consumed)[type];
    const first = ratchet.next;
    if (first + count - 1 > LAST_GENERATION) throw tooFar("This epoch has no more generations for own messages");
    const secrets: Uint8Array[] = [ratchet.secret.slice()];
    let secret = ratchet.secret;
    for (let generation = first; generation < first + count; generation++) {
      secret = this.#kdf.next(secret, generation);
      secrets.push(secret);
    }
    secrets.pop();
    const change: Advance = { kind: "advance", leaf: this.ownLeaf, type, next: first + count, secret, dropped: 0, skipped: [] };
    this.#apply(ratchet, change, consumed);
    eraseAll(consumed);
    return {
      change: encodeRatchetChange(this.#crypto, change),
      lease: new SendLease(this.#crypto, type, first, secrets.toReversed()),
    };
  }

  /** The generation that the next lease of own keys begins with. */
  nextOwn(type: RatchetType): number {
    return this.#leaves.get(this.ownLeaf)?.[type].next ?? 0;
  }

  /**
   * The key of an own generation that no lease has had, to see whether an own message uses it; the caller erases it.
   *
   * @throws MlsError `generation_too_far`, `generation_consumed`
   */
  peekOwn(type: RatchetType, generation: number): MessageKey {
    const ratchets = this.#leaves.get(this.ownLeaf);
    if (ratchets === undefined) throw tooFar("The own ratchets are not there");
    return splitKey(this.#crypto, generation, this.#peek(ratchets[type], generation));
  }

  /**
   * Applies a stored change. Changes must come in the order in which they were made.
   *
   * @throws MlsError `state_damaged`
   */
  apply(change: Uint8Array): void {
    const decoded = decodeRatchetChange(this.#crypto, change);
    if (decoded.leaf >= this.leafCount) throw outOfOrder();
    const replaced: Uint8Array[] = [];
    const ratchet = this.#open(decoded.leaf, replaced)[decoded.type];
    if (decoded.kind === "take" ? !ratchet.skipped.has(decoded.generation) : !follows(ratchet, decoded)) throw outOfOrder();
    this.#apply(ratchet, decoded, replaced);
    eraseAll(replaced);
  }

  /** Erases everything, at the end of the epoch's use. */
  erase(): void {
    this.#frontier.erase();
    for (const ratchets of this.#leaves.values()) {
      for (const ratchet of [ratchets.handshake, ratchets.application]) eraseAll([ratchet.secret, ...ratchet.skipped.values()]);
    }
    this.#leaves.clear();
  }

  #checkSender(leaf: number, generation: number): void {
    if (!isIndex(leaf, this.leafCount)) throw new TypeError("No such leaf in this tree");
    if (leaf === this.ownLeaf) throw new MlsError("own_message", "The message is one's own; its key is gone since it was sent");
    if (!isIndex(generation, 2 ** 32)) throw new TypeError("A generation is a whole number below 2^32");
  }

  #checkReach(next: number, skipped: Ratchet["skipped"] | undefined, generation: number): void {
    if (generation < next) {
      if (skipped?.has(generation) !== true) {
        throw new MlsError("generation_consumed", `The key of generation ${generation} was used before, or given up`);
      }
    } else if (generation - next > this.#limits.maxForwardSteps || generation > LAST_GENERATION) {
      throw tooFar(`Generation ${generation} is too far ahead of ${next}`);
    }
  }

  #peek(ratchet: Ratchet, generation: number): Uint8Array {
    this.#checkReach(ratchet.next, ratchet.skipped, generation);
    const kept = ratchet.skipped.get(generation);
    if (kept !== undefined) return kept.slice();
    const secret = this.#forward(ratchet, generation);
    const both = this.#kdf.keyAndNonce(secret, generation);
    secret.fill(0);
    return both;
  }

  /** The secret of a later generation, or a copy of the present one. */
  #forward(ratchet: Ratchet, generation: number): Uint8Array {
    let secret: Uint8Array = ratchet.secret.slice();
    for (let at = ratchet.next; at < generation; at++) {
      const next = this.#kdf.next(secret, at);
      secret.fill(0);
      secret = next;
    }
    return secret;
  }

  #changeFor(leaf: number, type: RatchetType, ratchet: Ratchet, generation: number): RatchetChange {
    if (generation < ratchet.next) return { kind: "take", leaf, type, generation };
    const { maxSkippedKeys, maxSkippedKeysTotal } = this.#limits;
    const others = this.#skippedTotal - ratchet.skipped.size;
    const room = Math.max(0, Math.min(maxSkippedKeys, maxSkippedKeysTotal - others));
    const added = Math.min(generation - ratchet.next, room);
    const dropped = Math.max(0, ratchet.skipped.size + added - room);
    const skipped: Uint8Array[] = [];
    let secret = this.#forward(ratchet, generation - added);
    for (let at = generation - added; at <= generation; at++) {
      if (at < generation) skipped.push(this.#kdf.keyAndNonce(secret, at));
      const next = this.#kdf.next(secret, at);
      secret.fill(0);
      secret = next;
    }
    return { kind: "advance", leaf, type, next: generation + 1, secret, dropped, skipped };
  }

  #apply(ratchet: Ratchet, change: RatchetChange, replaced: Uint8Array[]): void {
    if (change.kind === "take") {
      this.#giveUp(ratchet, change.generation, replaced);
      return;
    }
    const oldest = ratchet.skipped.keys();
    for (let left = change.dropped; left > 0; left--) this.#giveUp(ratchet, oldest.next().value, replaced);
    const firstSkipped = change.next - 1 - change.skipped.length;
    for (const [at, key] of change.skipped.entries()) ratchet.skipped.set(firstSkipped + at, key);
    this.#skippedTotal += change.skipped.length;
    replaced.push(ratchet.secret);
    ratchet.secret = change.secret;
    ratchet.next = change.next;
  }

  #giveUp(ratchet: Ratchet, generation: number | undefined, replaced: Uint8Array[]): void {
    if (generation === undefined) return;
    const key = ratchet.skipped.get(generation);
    if (key === undefined) return;
    ratchet.skipped.delete(generation);
    this.#skippedTotal--;
    replaced.push(key);
  }

  /** The ratchets of a leaf, derived when they are asked for first. */
  #open(leaf: number, replaced: Uint8Array[]): LeafRatchets {
    const known = this.#leaves.get(leaf);
    if (known !== undefined) return known;
    const taken = this.#frontier.take(leaf);
    this.#leaves.set(leaf, taken.ratchets);
    replaced.push(taken.replaced);
    return taken.ratchets;
  }
}

/** Generations that one lease may hold at most. */
const MAX_LEASE = 1024;

function follows(ratchet: Ratchet, change: Advance): boolean {
  return change.next > ratchet.next && change.skipped.length < change.next - ratchet.next && change.dropped <= ratchet.skipped.size;
}

function isIndex(value: number, count: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value < count;
}

function eraseAll(secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}

function tooFar(message: string): MlsError {
  return new MlsError("generation_too_far", message);
}

function outOfOrder(): MlsError {
  return new MlsError("state_damaged", "A stored change doesn't fit the ratchet that it is for");
}
