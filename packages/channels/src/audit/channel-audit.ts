import { setImmediate } from "node:timers/promises";
import {
  appendEntry,
  type AuditEntry,
  type AuditEvent,
  type AuditKey,
  auditText,
  type ChainPosition,
  chainStart,
  messageDigest,
  signHead,
} from "@parley/audit";
import { encodeBase64url, RateLimiter } from "@parley/core/internal";
import { didKeyOf } from "@parley/did";
import { type GroupRow, inspectMessage, type MlsGroup } from "@parley/mls-engine";
import { type ChannelMessage, messageId } from "../channel/channel-message.ts";
import { entryHash } from "../channel/log-cursor.ts";
import { AUDIT_CHAIN_ROW, AUDIT_ENTRY_PREFIX, AUDIT_GAP_ROW, numberedKey } from "../channel/rows.ts";
import type { IdentityKey } from "../identity-key.ts";
import { type AuditGap, gapRow } from "./audit-gap.ts";
import { type SentMessage, SentMessages } from "./sent-messages.ts";

/** Constructor parameters of {@link ChannelAudit}. */
export interface ChannelAuditOptions {
  readonly channel: string;
  /** What this agent calls itself. */
  readonly name: string;
  readonly group: MlsGroup;
  readonly identityKey: IdentityKey;
  /** Number of entries that are kept. */
  readonly maxEntries: number;
}

/** Stored form of a chain: its end, the number of the first entry that is kept, and the statement about those that are not. */
interface ChainRecord extends ChainPosition {
  readonly first: number;
  /** A compact JWS. */
  readonly cut?: string;
}

/** Entries about messages that can't be decrypted, which each account with the right to publish can cause. */
const UNREAD = { burst: 100, perSecond: 1 };
/** Part of a chain that retention removes at once, so that not each entry needs a signature. */
const REMOVED_PART = 10;

/**
 * The audit chain of one channel. Its rows are in the partition of the group, and each entry is in the write of the change that it is about. Methods that
 * return rows are called by a step of the group, whose write must have the rows: they continue the chain from what the steps before have written, so
 * neither a crash nor a failed write forks it.
 */
export class ChannelAudit {
  /** DID of this agent: the did:key of its signature key. */
  readonly agent: string;
  readonly #options: ChannelAuditOptions;
  readonly #sent: SentMessages;
  readonly #unread = new RateLimiter(UNREAD);
  /** Unreadable entries of the log without an entry of the chain since the last one. */
  #omitted = 0;
  /** The latest flush, and the one after it. */
  #flush: Promise<void> = Promise.resolve();
  #nextFlush: Promise<void> | undefined;

  constructor(options: ChannelAuditOptions) {
    this.#options = options;
    this.agent = didKeyOf(encodeBase64url(options.identityKey.pair.publicKey));
    this.#sent = new SentMessages(options.group);
  }

  /** This agent has encrypted a message. The rows must be on disk before it is published: {@link ChannelAudit.flushed}. */
  encrypted(data: Uint8Array, ciphertext: Uint8Array): readonly GroupRow[] {
    const epoch = inspectMessage(ciphertext).epoch ?? this.#options.group.epoch;
    return this.#sent.add(encodeBase64url(entryHash(ciphertext)), messageDigest(data), epoch);
  }

  /** Resolves when what was encrypted before is on disk. Calls during one flush share the next one, and are resolved in their order. @throws StoreError */
  flushed(): Promise<void> {
    this.#nextFlush ??= this.#flushAfter(this.#flush);
    return this.#nextFlush;
  }

  async #flushAfter(before: Promise<void>): Promise<void> {
    await before.catch(() => undefined);
    // The messages that are waiting are encrypted first.
    await setImmediate();
    this.#nextFlush = undefined;
    this.#flush = this.#options.group.flush();
    await this.#flush;
  }

  /** The message of this agent that an entry of the log is. @param hash SHA-256 of the entry. */
  findSent(hash: Uint8Array): SentMessage | undefined {
    return this.#sent.find(encodeBase64url(hash));
  }

  /** The log has a message of this agent. @param isLate whether it is too late for others to decrypt. */
  recorded(sent: SentMessage, hash: Uint8Array, { sequence, isLate }: { sequence: number; isLate: boolean }): readonly GroupRow[] {
    const message = { ...this.#message(this.agent), id: messageId(hash), position: sequence, digest: sent.digest };
    const event: AuditEvent = isLate ? { ...message, kind: "refused", code: "epoch_mismatch" } : { ...message, kind: "accepted" };
    return [...this.append([event]), this.#sent.remove(sent)];
  }

  /** A message of another member was decrypted. */
  delivered(message: ChannelMessage): AuditEvent {
    return { ...this.#received(message), kind: "delivered" };
  }

  /** The program has settled a message. */
  handled(message: ChannelMessage): AuditEvent {
    return { ...this.#received(message), kind: "handled" };
  }

  /** A message of another member was decrypted, and is not delivered. */
  refused(message: ChannelMessage, code: string): AuditEvent {
    return { ...this.#received(message), kind: "refused", code };
  }

  /** An entry of the log can't be decrypted. */
  unread(hash: Uint8Array, sequence: number, code: string): readonly GroupRow[] {
    const { channel } = this.#options;
    if (!this.#unread.tryTake(channel)) {
      this.#omitted += 1;
      return this.#gapRows("too_many");
    }
    const event = { ...this.#message(channel), id: messageId(hash), position: sequence, code: auditText(code) };
    return this.append([{ ...event, kind: "refused" }]);
  }

  /** What was in the log between the entries before and after this one is not in the chain. */
  gap(code: AuditGap, omitted = 0): AuditEvent {
    return { ...this.#message(this.#options.channel), kind: "refused", code, ...(omitted > 0 && { omitted }) };
  }

  /** The rows of further entries. Called once for each step. */
  append(events: readonly AuditEvent[]): readonly GroupRow[] {
    if (events.length === 0) return [];
    const { group } = this.#options;
    const gap = group.row(AUDIT_GAP_ROW);
    const before = gap === undefined ? [] : [this.gap(Buffer.from(gap).toString() as AuditGap, this.#omitted)];
    this.#omitted = 0;
    const record = this.#record();
    const added: AuditEntry[] = [];
    for (const event of [...before, ...events]) added.push(appendEntry(added.at(-1) ?? record, event));
    const end = added.at(-1) ?? record;
    const removed = this.#surplus(record.first, end.seq, added);
    const next: ChainRecord = { ...record, seq: end.seq, hash: end.hash, ...removed?.record };
    return [
      ...(gap === undefined ? [] : [{ key: AUDIT_GAP_ROW, value: undefined }]),
      ...added.map((entry) => publicRow(entryKey(entry.seq), entry)),
      ...(removed?.rows ?? []),
      publicRow(AUDIT_CHAIN_ROW, next),
    ];
  }

  /**
   * The lines of an export of the chain as it is now, each with its line break. All of its entries are on disk then. `undefined` without any.
   *
   * @throws StoreError
   */
  async export(): Promise<readonly string[] | undefined> {
    const { group, channel, identityKey, name } = this.#options;
    const { agent } = this;
    let record = this.#record();
    let entries: readonly (Uint8Array | undefined)[] = [];
    await group.writeRows(() => {
      record = this.#record();
      const { first, seq } = record;
      entries = Array.from({ length: seq - first + 1 }, (_, index) => group.row(entryKey(first + index)));
      return [];
    });
    const { seq, hash, cut } = record;
    if (seq === 0) return undefined;
    const key: AuditKey = { kty: "OKP", crv: "Ed25519", x: encodeBase64url(identityKey.pair.publicKey) };
    const header = { audit: "parley-audit/1", agent, channel, name, key, ...(cut !== undefined && { cut }) };
    const head = signHead("head", { agent, channel, hash, time: now(), seq }, identityKey.sign, this.#keyId);
    const texts = entries.flatMap((entry) => (entry === undefined ? [] : Buffer.from(entry).toString()));
    return [JSON.stringify(header), ...texts, JSON.stringify({ head })].map((line) => `${line}\n`);
  }

  get #keyId(): string {
    return `${this.agent}#${this.agent.slice("did:key:".length)}`;
  }

  #record(): ChainRecord {
    const { group, channel } = this.#options;
    const stored = group.row(AUDIT_CHAIN_ROW);
    return stored === undefined
      ? { ...chainStart(this.agent, channel), first: 1 }
      : (JSON.parse(Buffer.from(stored).toString()) as ChainRecord);
  }

  /** Removes the oldest entries beyond the limit. The agent signs which is the last one, so that this is not taken for tampering. */
  #surplus(
    first: number,
    last: number,
    added: readonly AuditEntry[],
  ): { readonly rows: readonly GroupRow[]; readonly record: Pick<ChainRecord, "first" | "cut"> } | undefined {
    const { group, channel, maxEntries, identityKey } = this.#options;
    if (last - first < maxEntries) return undefined;
    const seq = last - maxEntries + Math.floor(maxEntries / REMOVED_PART);
    const stored = group.row(entryKey(seq));
    const entry = added.find((one) => one.seq === seq) ?? (stored && (JSON.parse(Buffer.from(stored).toString()) as AuditEntry));
    if (entry === undefined) return undefined;
    const { hash, time: until } = entry;
    const cut = signHead("cut", { agent: this.agent, channel, seq, hash, until, time: now() }, identityKey.sign, this.#keyId);
    const rows = Array.from({ length: seq - first + 1 }, (_, index) => ({ key: entryKey(first + index), value: undefined }));
    return { rows, record: { first: seq + 1, cut } };
  }

  #gapRows(code: AuditGap): readonly GroupRow[] {
    return this.#options.group.row(AUDIT_GAP_ROW) === undefined ? [gapRow(code)] : [];
  }

  #message(from: string): Pick<AuditEvent, "time" | "from" | "to"> {
    return { time: now(), from, to: this.#options.channel };
  }

  #received({ id, sequence, data, senderKey }: ChannelMessage): Omit<AuditEvent, "kind"> {
    // Messages stored by an earlier version have no key.
    const from = senderKey.length === 0 ? this.#options.channel : didKeyOf(encodeBase64url(senderKey));
    return { ...this.#message(from), id, position: sequence, digest: messageDigest(data) };
  }
}

function entryKey(seq: number): string {
  return numberedKey(AUDIT_ENTRY_PREFIX, seq);
}

function publicRow(key: string, value: object): GroupRow {
  return { key, value: Buffer.from(JSON.stringify(value)), isPublic: true };
}

function now(): string {
  return new Date().toISOString();
}
