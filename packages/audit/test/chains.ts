import { generateKeyPairSync, type KeyObject } from "node:crypto";
import {
  appendEntry,
  type AuditEntry,
  type AuditEvent,
  type AuditFinding,
  type AuditKey,
  type ChainPosition,
  chainStart,
  createSalt,
  hideEntry,
  messageDigest,
  signHead,
} from "../src/index.ts";

export const ALICE = "did:web:a.example:alice";
export const BOB = "did:web:b.example:bob";
const START = Date.parse("2026-01-01T00:00:00.000Z");

/** A party with a chain, as a node would keep it. */
export class Party {
  readonly agent: string;
  /** The channel that the chain is about, if it is about one. */
  readonly channel: string | undefined;
  readonly privateKey: KeyObject;
  readonly key: AuditKey;
  readonly entries: AuditEntry[] = [];
  #position: ChainPosition;
  #seconds = 0;

  constructor(agent: string, channel?: string) {
    this.agent = agent;
    this.channel = channel;
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    this.privateKey = privateKey;
    const x = publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("base64url");
    this.key = { kty: "OKP", crv: "Ed25519", x };
    this.#position = chainStart(agent, channel);
  }

  add(
    event: Omit<AuditEvent, "time"> & { readonly time?: string },
    { salt = this.channel === undefined ? createSalt() : undefined }: { readonly salt?: string | undefined } = {},
  ): AuditEntry {
    return this.#append({ time: this.time(++this.#seconds), ...event }, salt);
  }

  /** An entry of a version without salts. */
  addUnsalted(event: Omit<AuditEvent, "time">): AuditEntry {
    return this.#append({ time: this.time(++this.#seconds), ...event }, undefined);
  }

  #append(event: AuditEvent, salt: string | undefined): AuditEntry {
    const entry = appendEntry(this.#position, event, salt);
    this.#position = entry;
    this.entries.push(entry);
    return entry;
  }

  /** A time, in seconds after the start. */
  time(seconds: number): string {
    return new Date(START + seconds * 1000).toISOString();
  }

  /** The head after an entry, signed `seconds` after the start. */
  head(seq: number = this.entries.length, { seconds = this.#seconds, isNumbered = true, key = this.privateKey } = {}): string {
    const { hash } = seq === 0 ? chainStart(this.agent, this.channel) : (this.entries[seq - 1] as AuditEntry);
    const head = { agent: this.agent, channel: this.channel, hash, time: this.time(seconds), ...(isNumbered && { seq }) };
    return signHead("head", head, key, `${this.agent}#signing`);
  }

  cut(seq: number, key: KeyObject = this.privateKey): string {
    const { hash, time: until } = this.entries[seq - 1] as AuditEntry;
    return signHead(
      "cut",
      { agent: this.agent, channel: this.channel, seq, hash, until, time: this.time(this.#seconds) },
      key,
      `${this.agent}#signing`,
    );
  }

  /** The lines of an export. */
  export({ cut, peer, head = this.head() }: { readonly cut?: number; readonly peer?: string; readonly head?: string } = {}): string[] {
    const header = {
      audit: "parley-audit/1",
      agent: this.agent,
      ...(this.channel !== undefined && { channel: this.channel }),
      key: this.key,
      ...(cut !== undefined && { cut: this.cut(cut) }),
      ...(peer !== undefined && { peer }),
    };
    const entries = this.entries
      .slice(cut ?? 0)
      .map((entry) => (peer === undefined || entry.from === peer || entry.to === peer ? entry : hideEntry(entry)));
    return [header, ...entries, { head }].map((line) => JSON.stringify(line));
  }
}

/** What is recorded of a message. */
export function about(id: string, from: string, to: string): Pick<AuditEvent, "from" | "to" | "id" | "type" | "thread" | "digest"> {
  return { from, to, id, type: "https://example.org/note/1.0/note", thread: "t", digest: messageDigest(`{"id":"${id}"}`) };
}

/** Two parties after Alice has sent messages to Bob, with the heads that their nodes have exchanged, if they do. */
export function exchange(ids: readonly string[], { exchangesHeads = true } = {}): { readonly alice: Party; readonly bob: Party } {
  const [alice, bob] = [new Party(ALICE), new Party(BOB)];
  for (const id of ids) {
    const message = about(id, ALICE, BOB);
    alice.add({ kind: "accepted", ...message });
    bob.add({ kind: "accepted", ...message });
    const heads = { alice: alice.head(undefined, { isNumbered: false }), bob: bob.head(undefined, { isNumbered: false }) };
    alice.add({ kind: "delivered", ...message });
    bob.add({ kind: "delivered", ...message });
    if (exchangesHeads) {
      alice.add({ kind: "witnessed", from: BOB, to: ALICE, head: heads.bob });
      bob.add({ kind: "witnessed", from: ALICE, to: BOB, head: heads.alice });
    }
    bob.add({ kind: "handled", ...message });
  }
  return { alice, bob };
}

/** A finding without its text and line. */
export function placeOf({ kind, side, seq, last, id, count }: AuditFinding): AuditFinding {
  return JSON.parse(JSON.stringify({ kind, side, seq, last, id, count })) as AuditFinding;
}
