import type { RelayMessage } from "@parley/skytale-relay";
import { ChannelError } from "../errors.ts";
import { entryHash } from "./log-cursor.ts";
import { isEqual } from "./channel-member.ts";

/** Limit on remembered entries; further ones are not checked. */
const MAX_ENTRIES = 10_000;

/** A message that the relay acknowledged as recorded. */
export interface Acknowledged {
  readonly key: Uint8Array;
  /** All payloads published under the key. */
  readonly payloads: readonly Uint8Array[];
  /** Whether an earlier send with the same id may have recorded another payload. */
  readonly hasId: boolean;
}

interface Expected {
  readonly key: Uint8Array;
  readonly hashes: readonly Uint8Array[];
  readonly hasId: boolean;
}

/**
 * Entries that the relay acknowledged and that were not read back from the log yet. They reveal a relay that drops or replaces messages.
 * Keeps only hashes, since a full inbox can delay reading for a long time.
 */
export class UnconfirmedPublishes {
  readonly #bySequence = new Map<number, Expected>();

  add(sequence: number, { key, payloads, hasId }: Acknowledged): void {
    if (this.#bySequence.size < MAX_ENTRIES) this.#bySequence.set(sequence, { key, hashes: payloads.map(entryHash), hasId });
  }

  /**
   * Compares an entry with the acknowledged one of its sequence number, and removes that.
   *
   * - `other`: no entry with this sequence number was acknowledged.
   * - `same`: the entry is the acknowledged one.
   * - `repeated`: the same key with another payload, recorded by an earlier send with the same id.
   *
   * @throws ChannelError `fork` if the relay acknowledged a different entry
   */
  take({ sequence, key, payload }: Pick<RelayMessage, "key" | "payload" | "sequence">): "other" | "same" | "repeated" {
    const expected = this.#bySequence.get(sequence);
    if (expected === undefined) return "other";
    this.#bySequence.delete(sequence);
    const hash = entryHash(payload);
    if (expected.hashes.some((one) => isEqual(one, hash))) return "same";
    if (expected.hasId && isEqual(expected.key, key)) return "repeated";
    throw new ChannelError("fork", `the relay acknowledged a message as entry ${sequence}, but returns another entry there`);
  }

  /** Removes entries that the relay has evicted or removed: those from `first` up to, not including, `next`. */
  forget(first: number, next: number): void {
    for (const sequence of this.#bySequence.keys()) if (sequence >= first && sequence < next) this.#bySequence.delete(sequence);
  }

  /** Called when the relay has replaced its log. */
  clear(): void {
    this.#bySequence.clear();
  }
}
