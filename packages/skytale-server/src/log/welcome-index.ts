import { createHash } from "node:crypto";
import type { NewWelcome, WelcomeId } from "./welcome-store.ts";

/** How many welcomes are kept, and for how long. */
export interface WelcomeLimits {
  /** Welcomes that wait on one channel, counted per recipient. Default 10,000. */
  readonly maxPerChannel: number;
  /** Bytes of their payloads. Default 64 MiB. */
  readonly maxBytesPerChannel: number;
  /** The part of both that welcomes of one account may take, from 0 to 1; an eighth is left to accounts without any. Default 0.5. */
  readonly sharePerAccount: number;
  /** Life of a welcome, in milliseconds. Default 7 days. */
  readonly ttlMs: number;
}

const DEFAULT_WELCOME_LIMITS: WelcomeLimits = {
  maxPerChannel: 10_000,
  maxBytesPerChannel: 64 * 1024 * 1024,
  sharePerAccount: 0.5,
  ttlMs: 7 * 24 * 60 * 60_000,
};

/** A welcome for one recipient, without its payload. */
export interface Waiting {
  readonly channel: string;
  readonly recipient: Uint8Array;
  /** Of the payload: the same for all its recipients. */
  readonly id: Uint8Array;
  readonly length: number;
  readonly recordedAt: number;
  readonly publisher?: string | undefined;
}

/** Number and bytes of waiting Welcomes. */
interface Held {
  count: number;
  bytes: number;
}

interface PayloadEntry {
  readonly length: number;
  /** Number of recipients that have not acknowledged it. */
  recipients: number;
}

interface ChannelEntry extends Held {
  /** By recipient, then by id. */
  readonly byRecipient: Map<string, Map<string, Waiting>>;
  readonly payloads: Map<string, PayloadEntry>;
  readonly byPublisher: Map<string, Held>;
}

/** Derives the id from channel and payload, so that a Welcome that is put twice is stored once. */
export function welcomeId(channel: string, payload: Uint8Array): Uint8Array {
  const hash = createHash("sha256")
    .update(`${Buffer.byteLength(channel)} ${channel}`)
    .update(payload)
    .digest();
  return Uint8Array.from(hash.subarray(0, 16));
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** Index of all stored Welcomes, in memory, without payloads. */
export class WelcomeIndex {
  readonly #limits: WelcomeLimits;
  readonly #channels = new Map<string, ChannelEntry>();
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #stored = new Map<string, number>();

  constructor(limits: Partial<WelcomeLimits> = {}) {
    this.#limits = { ...DEFAULT_WELCOME_LIMITS, ...limits };
  }

  get ttlMs(): number {
    return this.#limits.ttlMs;
  }

  hasRoomFor(channelName: string, { recipients, payload, publisher }: NewWelcome): boolean {
    const { maxPerChannel, maxBytesPerChannel, sharePerAccount } = this.#limits;
    const channel = this.#channels.get(channelName);
    const fits = (held: Held | undefined, share: number): boolean =>
      (held?.count ?? 0) + recipients.length <= share * maxPerChannel && (held?.bytes ?? 0) + payload.length <= share * maxBytesPerChannel;
    const own = publisher === undefined ? undefined : channel?.byPublisher.get(publisher);
    // The last eighth is reserved for accounts without a Welcome, so that accounts with many cannot block the others.
    if (own === undefined) return fits(channel, 1);
    return fits(own, sharePerAccount) && fits(channel, 7 / 8);
  }

  /** Adds a Welcome. Returns false if it is already stored. */
  add(waiting: Waiting): boolean {
    const channel: ChannelEntry = this.#channels.get(waiting.channel) ?? {
      byRecipient: new Map<string, Map<string, Waiting>>(),
      payloads: new Map<string, PayloadEntry>(),
      byPublisher: new Map<string, Held>(),
      count: 0,
      bytes: 0,
    };
    this.#channels.set(waiting.channel, channel);
    const recipient = hex(waiting.recipient);
    const own = channel.byRecipient.get(recipient) ?? new Map<string, Waiting>();
    channel.byRecipient.set(recipient, own);
    const id = hex(waiting.id);
    if (own.has(id)) return false;
    own.set(id, waiting);
    const payload = channel.payloads.get(id) ?? { length: waiting.length, recipients: 0 };
    const bytes = payload.recipients++ === 0 ? payload.length : 0;
    channel.payloads.set(id, payload);
    this.#count(channel, waiting.publisher, 1, bytes);
    return true;
  }

  /** Oldest first. */
  find(channel: string, recipients: readonly Uint8Array[]): Waiting[] {
    const entry = this.#channels.get(channel);
    if (entry === undefined) return [];
    const distinct = new Set(recipients.map(hex));
    return [...distinct]
      .flatMap((recipient) => [...(entry.byRecipient.get(recipient)?.values() ?? [])])
      .toSorted((left, right) => left.recordedAt - right.recordedAt);
  }

  /** Removes one. `payloadToo` is set if it was the last one with its payload. `undefined` if it is unknown. */
  remove(channelName: string, welcome: WelcomeId): { readonly waiting: Waiting; readonly payloadToo: boolean } | undefined {
    const channel = this.#channels.get(channelName);
    const recipient = hex(welcome.recipient);
    const id = hex(welcome.id);
    const own = channel?.byRecipient.get(recipient);
    const waiting = own?.get(id);
    if (channel === undefined || own === undefined || waiting === undefined) return undefined;
    own.delete(id);
    if (own.size === 0) channel.byRecipient.delete(recipient);
    const payload = channel.payloads.get(id);
    const payloadToo = payload === undefined || --payload.recipients === 0;
    if (payloadToo) channel.payloads.delete(id);
    this.#count(channel, waiting.publisher, -1, payloadToo ? -waiting.length : 0);
    if (channel.count === 0) this.#channels.delete(channelName);
    return { waiting, payloadToo };
  }

  /** All Welcomes of a channel. */
  of(channel: string): Waiting[] {
    return Array.from(this.#channels.get(channel)?.byRecipient.values() ?? [], (own) => [...own.values()]).flat();
  }

  /** Welcomes older than {@link WelcomeLimits.ttlMs}. */
  expired(now: number): Waiting[] {
    const oldest = now - this.#limits.ttlMs;
    const found: Waiting[] = [];
    for (const { byRecipient } of this.#channels.values()) {
      for (const own of byRecipient.values()) for (const waiting of own.values()) if (waiting.recordedAt < oldest) found.push(waiting);
    }
    return found;
  }

  watch(channel: string, recipients: readonly Uint8Array[], listener: () => void): () => void {
    const topics = recipients.map((recipient) => topic(channel, recipient));
    for (const one of topics) this.#listeners.set(one, (this.#listeners.get(one) ?? new Set()).add(listener));
    return () => {
      for (const one of topics) {
        const listeners = this.#listeners.get(one);
        listeners?.delete(listener);
        if (listeners?.size === 0) this.#listeners.delete(one);
      }
    };
  }

  storedBytes(publisher: string): number {
    return this.#stored.get(publisher) ?? 0;
  }

  /** Calls the listeners of the recipients. Called after a Welcome for them is durable. */
  notify(channel: string, recipients: readonly Uint8Array[]): void {
    const listeners = new Set(recipients.flatMap((recipient) => [...(this.#listeners.get(topic(channel, recipient)) ?? [])]));
    for (const listener of listeners) listener();
  }

  #count(channel: ChannelEntry, publisher: string | undefined, welcomes: number, bytes: number): void {
    channel.count += welcomes;
    channel.bytes += bytes;
    if (publisher === undefined) return;
    const held = channel.byPublisher.get(publisher) ?? { count: 0, bytes: 0 };
    held.count += welcomes;
    held.bytes += bytes;
    if (held.count > 0) channel.byPublisher.set(publisher, held);
    else channel.byPublisher.delete(publisher);
    const stored = this.storedBytes(publisher) + bytes;
    if (stored > 0) this.#stored.set(publisher, stored);
    else this.#stored.delete(publisher);
  }
}

function topic(channel: string, recipient: Uint8Array): string {
  return `${hex(recipient)} ${channel}`;
}
