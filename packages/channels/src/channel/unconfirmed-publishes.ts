import type { RelayMessage } from "@parley/skytale-relay";
import { ChannelError } from "../errors.ts";
import { entryHash } from "./log-cursor.ts";
import { isEqual } from "./channel-member.ts";

/** Beyond so many, whether the log holds them is not checked. */
const MAX_ENTRIES = 10_000;

/** A message that the relay says it has recorded. */
export interface Acknowledged {
  readonly key: Uint8Array;
  /** All that was published under the key. */
  readonly payloads: readonly Uint8Array[];
  /** Whether it may have been recorded before, with another payload. */
  readonly hasId: boolean;
}

interface Expected {
  readonly key: Uint8Array;
  readonly hashes: readonly Uint8Array[];
  readonly hasId: boolean;
}

/** What the log must hold by the relay's own word, until it is read back. That may be long, so no more than hashes are kept. */
export class UnconfirmedPublishes {
  readonly #bySequence = new Map<number, Expected>();

  add(sequence: number, { key, payloads, hasId }: Acknowledged): void {
    if (this.#bySequence.size < MAX_ENTRIES) this.#bySequence.set(sequence, { key, hashes: payloads.map(entryHash), hasId });
  }

  /**
   * Compares an entry with what was acknowledged in its place. `other`: nothing was. `same`: it is that. `repeated`: it was published under
   * that key, but with another payload, as a send with an id may have been before.
   *
   * @throws ChannelError `fork`: it is something else
   */
  take({ sequence, key, payload }: Pick<RelayMessage, "key" | "payload" | "sequence">): "other" | "same" | "repeated" {
    const expected = this.#bySequence.get(sequence);
    if (expected === undefined) return "other";
    this.#bySequence.delete(sequence);
    const hash = entryHash(payload);
    if (expected.hashes.some((one) => isEqual(one, hash))) return "same";
    if (expected.hasId && isEqual(expected.key, key)) return "repeated";
    throw new ChannelError("fork", `the relay has acknowledged a message as entry ${sequence}, and shows another there`);
  }

  /** The log is another one than before. */
  clear(): void {
    this.#bySequence.clear();
  }
}
