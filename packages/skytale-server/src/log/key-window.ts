import * as crypto from "node:crypto";
import { KeyTable } from "./key-table.ts";

/** How long keys are known. */
export interface KeyWindowOptions {
  /**
   * Minimum retention of a key in milliseconds, unless `maxRemembered` is exceeded twice. Default 1 hour: a restarted agent repeats its
   * unacknowledged messages.
   */
  readonly rememberMs: number;
  /** Minimum number of the most recent keys of all channels. Default 500,000. Up to twice as many are stored, at about 50 bytes each. */
  readonly maxRemembered: number;
}

export const DEFAULT_KEY_WINDOW: KeyWindowOptions = { rememberMs: 60 * 60_000, maxRemembered: 500_000 };

/** Characters of a key's id, each a byte: enough that two are never alike. */
export const KEY_ID_LENGTH = 16;

/** A key of a publisher on a channel, as a hash. Lengths stand before what they measure, so that no two can be read alike. */
export function keyId(channel: number | string, publisher: string, key: string): string {
  return crypto.hash("sha256", `${channel} ${publisher.length} ${publisher}${key}`, "binary").slice(0, KEY_ID_LENGTH);
}

/**
 * Sequences by key, in two generations: when the young one is full or old enough, it becomes the old one, and the previous old one is
 * dropped. So expired keys need no search.
 */
export class KeyWindow {
  readonly #options: KeyWindowOptions;
  #young = new KeyTable();
  #old = new KeyTable();
  #youngSince: number;

  constructor(options: KeyWindowOptions, now: number) {
    this.#options = options;
    this.#youngSince = now;
  }

  get(id: string): number | undefined {
    return this.#young.get(id) ?? this.#old.get(id);
  }

  /** @returns whether this began a new generation, before the key was added. */
  add(id: string, sequence: number, now: number): boolean {
    const rotates = this.#young.size >= this.#options.maxRemembered || now - this.#youngSince >= this.#options.rememberMs;
    if (rotates) {
      this.#old = now - this.#youngSince >= 2 * this.#options.rememberMs ? new KeyTable() : this.#young;
      this.#young = new KeyTable();
      this.#youngSince = now;
    }
    this.#young.set(id, sequence);
    return rotates;
  }
}
