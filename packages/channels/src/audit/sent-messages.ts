import type { GroupRow, MlsGroup } from "@parley/mls-engine";
import { AUDIT_SENT_PREFIX, numberedKey, numberOf } from "../channel/rows.ts";

/** A ciphertext of this agent that may be published. */
export interface SentMessage {
  readonly key: string;
  /** SHA-256 of the ciphertext, in base64url. */
  readonly hash: string;
  /** SHA-256 of the plaintext, in base64url. */
  readonly digest: string;
  readonly epoch: bigint;
}

/** Ciphertexts that are kept until the log has them. Some never get there: they were replaced by one of a later epoch, or their caller gave up. */
const MAX_KEPT = 4096;

/**
 * What this agent has encrypted and not yet read in the log. An agent can't decrypt its own messages, so their digests are on disk before they are
 * published: what the log then shows can be recorded after a crash, too.
 */
export class SentMessages {
  readonly #byHash = new Map<string, SentMessage>();
  #next = 0;

  constructor(group: Pick<MlsGroup, "rowKeys" | "row">) {
    for (const key of group.rowKeys(AUDIT_SENT_PREFIX)) {
      const sent = decode(key, group.row(key));
      if (sent !== undefined) this.#byHash.set(sent.hash, sent);
      this.#next = numberOf(key, AUDIT_SENT_PREFIX) + 1;
    }
  }

  /** The rows that keep a ciphertext. */
  add(hash: string, digest: string, epoch: bigint): readonly GroupRow[] {
    const sent: SentMessage = { key: numberedKey(AUDIT_SENT_PREFIX, this.#next++), hash, digest, epoch };
    this.#byHash.set(hash, sent);
    const rows: GroupRow[] = [{ key: sent.key, value: Buffer.from(JSON.stringify([hash, digest, String(epoch)])) }];
    const [oldest] = this.#byHash.values();
    if (this.#byHash.size > MAX_KEPT && oldest !== undefined) rows.push(this.remove(oldest));
    return rows;
  }

  find(hash: string): SentMessage | undefined {
    return this.#byHash.get(hash);
  }

  /** The row that forgets a ciphertext. */
  remove({ hash, key }: SentMessage): GroupRow {
    this.#byHash.delete(hash);
    return { key, value: undefined };
  }
}

function decode(key: string, value: Uint8Array | undefined): SentMessage | undefined {
  try {
    const [hash, digest, epoch] = JSON.parse(Buffer.from(value ?? []).toString()) as [string, string, string];
    return { key, hash, digest, epoch: BigInt(epoch) };
  } catch {
    return undefined;
  }
}
