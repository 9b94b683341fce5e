import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { erase } from "../crypto/labels.ts";
import { MlsEngineError } from "../errors.ts";
import { splitKey, type MessageKey } from "./message-key.ts";
import { LAST_GENERATION, MAX_LEAVES, type LeafRatchets, type Ratchet, type RatchetType } from "./ratchet.ts";
import { decodeRatchetChange, encodeRatchetChange, type Advance, type RatchetChange } from "./ratchet-change.ts";
import { ratchetLimits, type RatchetLimits } from "./ratchet-limits.ts";
import { SecretFrontier } from "./secret-frontier.ts";
import { SendLease } from "./send-lease.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { keyAndNonce, nextRatchetSecret } from "./tree-kdf.ts";

/** The result of consuming a key. */
export interface KeyUse {
  /** The change to store, so that the key stays consumed after a restart; see {@link SecretTree.apply}. It holds secrets. */
  readonly change: Uint8Array;
  /** Erases the consumed secrets. Call it when `change` is stored, or never will be. */
  erase(): void;
}

/** Keys to send with. */
export interface LeaseGrant {
  /** The change to store durably **before** the lease is used. It holds a secret, but none that decrypts a message of the lease. */
  readonly change: Uint8Array;
  readonly lease: SendLease;
}

/**
 * The secret tree of one epoch ([RFC 9420 §9](https://www.rfc-editor.org/rfc/rfc9420.html#section-9)). It owns all message keys of the
 * epoch, for application and handshake messages.
 *
 * Keys are derived lazily: O(log n) hashes for the first message of a sender, a few for the others, none before.
 *
 * Receiving takes two steps. {@link SecretTree.key} derives a key without a change, to decrypt with; {@link SecretTree.consume} uses it up
 * after the message was authenticated. Sending takes keys in advance ({@link SecretTree.leaseSend}). Every change of the tree is returned in
 * encoded form for the store; applying the stored changes in order to a snapshot restores the same tree.
 */
export class SecretTree {
  readonly leafCount: number;
  readonly ownLeaf: number;
  readonly #suite: CipherSuite;
  readonly #limits: RatchetLimits;
  readonly #frontier: SecretFrontier;
  readonly #leaves: Map<number, LeafRatchets>;
  #skippedTotal = 0;

  private constructor(
    suite: CipherSuite,
    ownLeaf: number,
    limits: Partial<RatchetLimits> | undefined,
    frontier: SecretFrontier,
    leaves: Map<number, LeafRatchets>,
  ) {
    this.leafCount = frontier.leafCount;
    this.ownLeaf = ownLeaf;
    this.#suite = suite;
    this.#limits = ratchetLimits(limits);
    this.#frontier = frontier;
    this.#leaves = leaves;
    for (const { handshake, application } of leaves.values()) this.#skippedTotal += handshake.skipped.size + application.skipped.size;
  }

  /**
   * Creates the tree of a new epoch. The path to the own leaf is derived at once, so that the encryption secret can be erased.
   *
   * @param encryptionSecret erased by the call
   */
  static create(
    suite: CipherSuite,
    encryptionSecret: Uint8Array,
    leafCount: number,
    ownLeaf: number,
    limits?: Partial<RatchetLimits>,
  ): SecretTree {
    if (!isIndex(leafCount - 1, MAX_LEAVES)) throw new TypeError(`A secret tree has 1 to ${MAX_LEAVES} leaves`);
    if (!isIndex(ownLeaf, leafCount)) throw new TypeError("The own leaf must be inside the tree");
    if (encryptionSecret.length !== suite.hashLength) throw new TypeError(`The encryption secret must have ${suite.hashLength} bytes`);
    const frontier = SecretFrontier.fromRoot(suite, encryptionSecret.slice(), leafCount);
    const tree = new SecretTree(suite, ownLeaf, limits, frontier, new Map());
    const consumed = [encryptionSecret];
    tree.#open(ownLeaf, consumed);
    erase(...consumed);
    return tree;
  }

  /**
   * Restores a tree from a snapshot.
   *
   * @throws MlsEngineError `state_damaged`
   */
  static restore(suite: CipherSuite, snapshot: Uint8Array, limits?: Partial<RatchetLimits>): SecretTree {
    const { leafCount, ownLeaf, nodes, leaves } = decodeSnapshot(suite, snapshot);
    return new SecretTree(suite, ownLeaf, limits, SecretFrontier.fromNodes(suite, nodes, leafCount), leaves);
  }

  /**
   * Encodes all secrets that are not consumed. It never holds the encryption secret, nor a secret from which the key of a sent message can be
   * derived.
   *
   * A stored snapshot still holds the secrets that later changes consume. Replace snapshot and changes by a new snapshot from time to time.
   */
  snapshot(): Uint8Array {
    return encodeSnapshot(this.#suite, {
      leafCount: this.leafCount,
      ownLeaf: this.ownLeaf,
      nodes: this.#frontier.nodes,
      leaves: this.#leaves,
    });
  }

  /**
   * The key of a generation, to decrypt a message that may turn out to be forged. The tree doesn't change. The caller erases the key.
   *
   * @throws MlsEngineError `generation_consumed`, `generation_too_far`, `own_message`
   */
  key(leaf: number, type: RatchetType, generation: number): MessageKey {
    this.#checkSender(leaf, generation);
    // Sender and generation are only claims until the message is authenticated: a forged message must not use up a key.
    const ratchets = this.#leaves.get(leaf);
    if (ratchets !== undefined) return splitKey(this.#suite, generation, this.#peek(ratchets[type], generation));
    const derived = this.#frontier.derive(leaf);
    try {
      return splitKey(this.#suite, generation, this.#peek(derived.ratchets[type], generation));
    } finally {
      derived.erase();
    }
  }

  /**
   * Consumes a key. Called after the message was authenticated. If it throws, the tree is unchanged.
   *
   * @throws MlsEngineError `generation_consumed`, `generation_too_far`, `own_message`
   */
  consume(leaf: number, type: RatchetType, generation: number): KeyUse {
    this.#checkSender(leaf, generation);
    const known = this.#leaves.get(leaf)?.[type];
    this.#checkReach(known?.next ?? 0, known?.skipped, generation);
    const consumed: Uint8Array[] = [];
    const ratchet = this.#open(leaf, consumed)[type];
    const change = this.#changeFor(leaf, type, ratchet, generation);
    this.#apply(ratchet, change, consumed);
    return { change: encodeRatchetChange(this.#suite, change), erase: () => erase(...consumed) };
  }

  /**
   * Takes the keys of the next `count` own messages. The ratchet advances past them at once. After a crash, receivers must skip the unused
   * ones: keep `count` well below their limit of forward steps (200 in ts-mls).
   *
   * @throws MlsEngineError `generation_too_far` if the epoch has no generations left
   */
  leaseSend(type: RatchetType, count: number): LeaseGrant {
    if (!isIndex(count - 1, MAX_LEASE)) throw new TypeError(`A lease holds 1 to ${MAX_LEASE} keys`);
    const consumed: Uint8Array[] = [];
    const ratchet = this.#open(this.ownLeaf, consumed)[type];
    const first = ratchet.next;
    if (first + count - 1 > LAST_GENERATION) throw tooFar("The epoch has no generations left for own messages");
    // The change stores only the secret after the lease, so no generation is used twice after a restart: that would repeat a key and nonce.
    const secrets: Uint8Array[] = [ratchet.secret.slice()];
    let secret = ratchet.secret;
    for (let generation = first; generation < first + count; generation++) {
      secret = nextRatchetSecret(this.#suite, secret, generation);
      secrets.push(secret);
    }
    secrets.pop();
    const change: Advance = { kind: "advance", leaf: this.ownLeaf, type, next: first + count, secret, dropped: 0, skipped: [] };
    this.#apply(ratchet, change, consumed);
    erase(...consumed);
    return {
      change: encodeRatchetChange(this.#suite, change),
      lease: new SendLease(this.#suite, type, first, secrets.toReversed()),
    };
  }

  /** The first generation of the next lease. */
  nextOwn(type: RatchetType): number {
    return this.#leaves.get(this.ownLeaf)?.[type].next ?? 0;
  }

  /**
   * The key of an own generation that was in no lease yet. If it decrypts an own message, that message was sent from another copy of this
   * state. The caller erases the key.
   *
   * @throws MlsEngineError `generation_too_far`, `generation_consumed`
   */
  peekOwn(type: RatchetType, generation: number): MessageKey {
    const ratchets = this.#leaves.get(this.ownLeaf);
    if (ratchets === undefined) throw tooFar("The own ratchets have been erased");
    return splitKey(this.#suite, generation, this.#peek(ratchets[type], generation));
  }

  /**
   * Applies a stored change. Called on loading a group, in the order in which the changes were made.
   *
   * @throws MlsEngineError `state_damaged`
   */
  apply(change: Uint8Array): void {
    const decoded = decodeRatchetChange(this.#suite, change);
    if (decoded.leaf >= this.leafCount) throw outOfOrder();
    const replaced: Uint8Array[] = [];
    const ratchet = this.#open(decoded.leaf, replaced)[decoded.type];
    if (decoded.kind === "take" ? !ratchet.skipped.has(decoded.generation) : !follows(ratchet, decoded)) throw outOfOrder();
    this.#apply(ratchet, decoded, replaced);
    erase(...replaced);
  }

  /** Erases all keys, when the epoch is not used any longer. */
  erase(): void {
    this.#frontier.erase();
    for (const ratchets of this.#leaves.values()) {
      for (const ratchet of [ratchets.handshake, ratchets.application]) erase(ratchet.secret, ...ratchet.skipped.values());
    }
    this.#leaves.clear();
  }

  #checkSender(leaf: number, generation: number): void {
    if (!isIndex(leaf, this.leafCount)) throw new TypeError(`Leaf ${leaf} is outside the tree`);
    if (leaf === this.ownLeaf) throw new MlsEngineError("own_message", "Cannot decrypt own message: its key was erased after sending");
    if (!isIndex(generation, 2 ** 32)) throw new TypeError("A generation must be a whole number below 2^32");
  }

  #checkReach(next: number, skipped: Ratchet["skipped"] | undefined, generation: number): void {
    if (generation < next) {
      if (skipped?.has(generation) !== true) {
        throw new MlsEngineError("generation_consumed", `The key of generation ${generation} was consumed before, or dropped to make room`);
      }
    } else if (generation - next > this.#limits.maxForwardSteps || generation > LAST_GENERATION) {
      throw tooFar(`Generation ${generation} is too far ahead of the next expected one, ${next}`);
    }
  }

  #peek(ratchet: Ratchet, generation: number): Uint8Array {
    this.#checkReach(ratchet.next, ratchet.skipped, generation);
    const kept = ratchet.skipped.get(generation);
    if (kept !== undefined) return kept.slice();
    const secret = this.#forward(ratchet, generation);
    const both = keyAndNonce(this.#suite, secret, generation);
    secret.fill(0);
    return both;
  }

  /** The ratchet secret of a later generation, or a copy of the current one. */
  #forward(ratchet: Ratchet, generation: number): Uint8Array {
    let secret: Uint8Array = ratchet.secret.slice();
    for (let at = ratchet.next; at < generation; at++) {
      const next = nextRatchetSecret(this.#suite, secret, at);
      secret.fill(0);
      secret = next;
    }
    return secret;
  }

  /**
   * The change that consumes a generation. The keys of skipped generations are kept for late messages; if the limits leave no room, the oldest
   * ones are dropped.
   */
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
      if (at < generation) skipped.push(keyAndNonce(this.#suite, secret, at));
      const next = nextRatchetSecret(this.#suite, secret, at);
      secret.fill(0);
      secret = next;
    }
    return { kind: "advance", leaf, type, next: generation + 1, secret, dropped, skipped };
  }

  #apply(ratchet: Ratchet, change: RatchetChange, replaced: Uint8Array[]): void {
    if (change.kind === "take") {
      this.#drop(ratchet, change.generation, replaced);
      return;
    }
    const oldest = ratchet.skipped.keys();
    for (let left = change.dropped; left > 0; left--) this.#drop(ratchet, oldest.next().value, replaced);
    const firstSkipped = change.next - 1 - change.skipped.length;
    for (const [at, key] of change.skipped.entries()) ratchet.skipped.set(firstSkipped + at, key);
    this.#skippedTotal += change.skipped.length;
    replaced.push(ratchet.secret);
    ratchet.secret = change.secret;
    ratchet.next = change.next;
  }

  #drop(ratchet: Ratchet, generation: number | undefined, replaced: Uint8Array[]): void {
    if (generation === undefined) return;
    const key = ratchet.skipped.get(generation);
    if (key === undefined) return;
    ratchet.skipped.delete(generation);
    this.#skippedTotal--;
    replaced.push(key);
  }

  /** The ratchets of a leaf, derived on first use. */
  #open(leaf: number, replaced: Uint8Array[]): LeafRatchets {
    const known = this.#leaves.get(leaf);
    if (known !== undefined) return known;
    const taken = this.#frontier.take(leaf);
    this.#leaves.set(leaf, taken.ratchets);
    replaced.push(taken.replaced);
    return taken.ratchets;
  }
}

/** Most generations in one lease. */
const MAX_LEASE = 1024;

function follows(ratchet: Ratchet, change: Advance): boolean {
  return change.next > ratchet.next && change.skipped.length < change.next - ratchet.next && change.dropped <= ratchet.skipped.size;
}

function isIndex(value: number, count: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value < count;
}

function tooFar(message: string): MlsEngineError {
  return new MlsEngineError("generation_too_far", message);
}

function outOfOrder(): MlsEngineError {
  return new MlsEngineError("state_damaged", "A stored change of a secret tree is out of order");
}
