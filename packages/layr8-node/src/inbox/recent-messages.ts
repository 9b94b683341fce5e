import * as crypto from "node:crypto";
import type { MessageIdentity } from "./inbox.ts";

/** Bytes of a fingerprint. */
export const FINGERPRINT_LENGTH = 8;

/** Eight bytes, as a string of Latin-1 characters: strings are cheaper than buffers to create, compare and keep. */
export type Fingerprint = string;

/**
 * The fingerprint of a message: 64 bits of SHA-256 over (recipient, sender, id, own expiry). With two million remembered messages, one in
 * 10^13 others is mistaken for a duplicate by chance, and a sender can't construct one.
 */
export function fingerprintOf({ recipient, from, id, expires }: MessageIdentity): Fingerprint {
  const identity = expires === undefined ? [recipient, from ?? null, id] : [recipient, from ?? null, id, expires];
  return crypto.hash("sha256", JSON.stringify(identity), "binary").slice(0, FINGERPRINT_LENGTH);
}

/** Four bytes of a fingerprint as an unsigned number. */
function wordAt(fingerprint: Fingerprint, at: number): number {
  const high = (fingerprint.charCodeAt(at) << 24) | (fingerprint.charCodeAt(at + 1) << 16);
  return (high | (fingerprint.charCodeAt(at + 2) << 8) | fingerprint.charCodeAt(at + 3)) >>> 0;
}

/**
 * Keeps fingerprints for a time window, in 24 to 48 bytes each. It holds two generations of one window each. When the newer one is full
 * or a window old, it becomes the older one, and the previous older one, which has expired, is dropped.
 */
export class RecentMessages {
  readonly #windowMs: number;
  readonly #perGeneration: number;
  #young: Generation;
  #old: Generation;

  constructor(windowMs: number, maxRemembered: number, now: number) {
    this.#windowMs = windowMs;
    this.#perGeneration = Math.max(1, maxRemembered);
    // Early enough for everything still to be remembered.
    this.#young = new Generation(now - windowMs);
    this.#old = new Generation(now - windowMs);
  }

  /** Whether the fingerprint was added less than a window ago. A clock that was set back counts as no time passed. */
  has(fingerprint: Fingerprint, now: number): boolean {
    const time = this.#young.find(fingerprint) ?? this.#old.find(fingerprint);
    return time !== undefined && Math.abs(now - time) < this.#windowMs;
  }

  add(fingerprint: Fingerprint, time: number): void {
    this.#add(wordAt(fingerprint, 0), wordAt(fingerprint, 4), time);
  }

  /** Adds concatenated fingerprints. A start adds millions, and strings for them would be garbage. */
  addAll(fingerprints: Uint8Array, time: number): void {
    const view = new DataView(fingerprints.buffer, fingerprints.byteOffset, fingerprints.byteLength);
    for (let at = 0; at + FINGERPRINT_LENGTH <= view.byteLength; at += FINGERPRINT_LENGTH) {
      this.#add(view.getUint32(at), view.getUint32(at + 4), time);
    }
  }

  #add(low: number, high: number, time: number): void {
    if (this.#young.size >= this.#perGeneration || time - this.#young.since >= this.#windowMs) {
      this.#old = this.#young;
      this.#young = new Generation(time);
    }
    this.#young.add(low, high, time);
  }
}

/** Words per slot: two of the fingerprint, and the milliseconds since the generation began plus one; zero marks a free slot. */
const SLOT = 3;
const MAX_AGE = 0xffff_ffff - 1;

/** An open-addressing hash table over one typed array, at most half full. Fingerprints are hashes already. */
class Generation {
  readonly since: number;
  size = 0;
  #slots = new Uint32Array(SLOT * 256);

  constructor(since: number) {
    this.since = since;
  }

  find(fingerprint: Fingerprint): number | undefined {
    const slot = this.#slotOf(wordAt(fingerprint, 0), wordAt(fingerprint, 4));
    const age = this.#slots[slot + 2];
    return age === undefined || age === 0 ? undefined : this.since + age - 1;
  }

  add(low: number, high: number, time: number): void {
    if (this.size * 2 >= this.#slots.length / SLOT) this.#grow();
    this.#put(low, high, Math.min(MAX_AGE, Math.max(0, Math.round(time - this.since))) + 1);
  }

  /** The slot that holds the fingerprint, or the free one where it belongs. */
  #slotOf(low: number, high: number): number {
    const slots = this.#slots;
    const mask = slots.length / SLOT - 1;
    for (let index = low & mask; ; index = (index + 1) & mask) {
      const slot = index * SLOT;
      if (slots[slot + 2] === 0 || (slots[slot] === low && slots[slot + 1] === high)) return slot;
    }
  }

  #put(low: number, high: number, age: number): void {
    const slot = this.#slotOf(low, high);
    if (this.#slots[slot + 2] === 0) this.size += 1;
    this.#slots[slot] = low;
    this.#slots[slot + 1] = high;
    this.#slots[slot + 2] = age;
  }

  #grow(): void {
    const former = this.#slots;
    this.#slots = new Uint32Array(former.length * 2);
    this.size = 0;
    for (let slot = 0; slot < former.length; slot += SLOT) {
      const [low = 0, high = 0, age = 0] = former.subarray(slot, slot + SLOT);
      if (age !== 0) this.#put(low, high, age);
    }
  }
}
