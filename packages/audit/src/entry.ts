import * as crypto from "node:crypto";
import { isJsonObject, type JsonObject } from "@parley/core";

/**
 * What happened to a message.
 *
 * | kind | in the chain of its sender | in the chain of its recipient |
 * | --- | --- | --- |
 * | `accepted` | its node has stored it for the recipient | its node has stored it in the inbox |
 * | `delivered` | the recipient's node has accepted it | it was passed to an agent |
 * | `handled` | | an agent has acknowledged it |
 * | `refused` | it was rejected, or can't be delivered | it was rejected, or an agent did not handle it |
 * | `witnessed` | a signed head of the other party, as it was received | the same |
 *
 * In the chain of a channel's member, `accepted` says that the channel's log has a message of this member, `delivered` that a message of another one was
 * decrypted, and `refused` without `id` that the chain does not have what was in the log between the entries before and after it.
 */
export type AuditKind = "accepted" | "delivered" | "handled" | "refused" | "witnessed";

/** What is recorded: an entry without its place in the chain. It has no body of a message, and no secret. */
export interface AuditEvent {
  /** RFC 3339, UTC, with milliseconds. */
  readonly time: string;
  readonly kind: AuditKind;
  /** DID of the sender; of a witnessed head, the party that signed it. */
  readonly from: string;
  /** DID of the recipient, or name of the channel; of a witnessed head, the party that has the chain. */
  readonly to: string;
  /** Message id, at most {@link MAX_TEXT} characters, as are `type` and `thread`. */
  readonly id?: string;
  /** Message type. */
  readonly type?: string;
  /** Thread that the message continues; absent when it starts one. */
  readonly thread?: string;
  /** SHA-256 of the message's plaintext, text in UTF-8; in base64url. */
  readonly digest?: string;
  /** Why it was refused. */
  readonly code?: string;
  /** Sequence number of the message in the log of its channel. */
  readonly position?: number;
  /** Number of refused messages without an entry of their own since the one before, because there were too many. */
  readonly omitted?: number;
  /** The witnessed head: a compact JWS. */
  readonly head?: string;
}

/** A place in a chain: the number of an entry, and its hash. Number 0 is the place before the first entry. */
export interface ChainPosition {
  readonly seq: number;
  /** 32 bytes in base64url. */
  readonly hash: string;
}

/** An entry of a chain. */
export interface AuditEntry extends AuditEvent, ChainPosition {
  /** See {@link createSalt}. Absent in entries of earlier versions, and in chains that hide nothing. */
  readonly salt?: string;
  /** Hash of the entry before it. */
  readonly prev: string;
}

/** The part of an entry that its hash covers, in addition to the hash before it. */
type EntryContent = Omit<AuditEntry, "hash" | "prev">;

/** An entry whose content is hidden from the reader of an export. The chain can still be verified. */
export interface HiddenEntry extends ChainPosition {
  /** Digest of the content, its salt included; see {@link contentDigest}. */
  readonly content: string;
  readonly prev: string;
}

/** Maximum length of the texts that senders choose. */
export const MAX_TEXT = 256;
const MAX_DID = 2048;
const MAX_HEAD = 4096;
const SALT_BYTES = 16;
const CONTINUED = "…";

/** The members of an entry's content, and their checks. */
const MEMBERS: { readonly [member in keyof EntryContent]-?: (value: unknown) => boolean } = {
  code: isText(MAX_TEXT),
  digest: isHash,
  from: isText(MAX_DID),
  head: isText(MAX_HEAD),
  id: isText(MAX_TEXT),
  kind: (value) => typeof value === "string" && KINDS.has(value),
  omitted: isCount,
  position: isCount,
  salt: (value) => typeof value === "string" && SALT.test(value),
  seq: isCount,
  thread: isText(MAX_TEXT),
  time: (value) => typeof value === "string" && TIME.test(value),
  to: isText(MAX_DID),
  type: isText(MAX_TEXT),
};
const REQUIRED = ["from", "kind", "seq", "time", "to"];
const KINDS: ReadonlySet<string> = new Set<AuditKind>(["accepted", "delivered", "handled", "refused", "witnessed"]);
/** 16 bytes in base64url, in the one spelling that encoders write. */
const SALT = /^[\w-]{21}[AQgw]$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * The place before the first entry of a chain. It names the agent, and the channel if the chain is about one, so that the start of another chain
 * does not fit.
 */
export function chainStart(agent: string, channel?: string): ChainPosition {
  return { seq: 0, hash: sha256(channel === undefined ? `parley-audit/1\n${agent}` : `parley-audit/1\n${agent}\n${channel}`) };
}

/**
 * 16 random bytes in base64url, which make the digest of a hidden entry useless for guessing its content.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9901#section-4.2 | RFC 9901, section 4.2}, whose disclosures have such salts.
 */
export function createSalt(): string {
  return crypto.randomBytes(SALT_BYTES).toString("base64url");
}

/** The entry that follows a place in a chain. @param salt needed if the entry may be hidden from readers of an export. */
export function appendEntry({ seq, hash: prev }: ChainPosition, event: AuditEvent, salt?: string): AuditEntry {
  const content: EntryContent = { ...event, seq: seq + 1, ...(salt !== undefined && { salt }) };
  return { ...content, hash: chainHash(prev, contentDigest(content)), prev };
}

/** SHA-256 of a message's plaintext, as entries have it. Text is encoded as UTF-8. */
export function messageDigest(plaintext: string | Uint8Array): string {
  return sha256(plaintext);
}

/** A text that a sender has chosen, short enough for an entry. */
export function auditText(text: string): string {
  return text.length <= MAX_TEXT ? text : text.slice(0, MAX_TEXT - 1).replace(/[\uD800-\uDBFF]$/, "") + CONTINUED;
}

/**
 * Digest of an entry without `hash` and `prev`: SHA-256 of its canonical JSON.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8785 | RFC 8785, JSON Canonicalization Scheme}
 */
export function contentDigest(content: EntryContent): string {
  const { code, digest, from, head, id, kind, omitted, position, salt, seq, thread, time, to, type } = content;
  // Strings and whole numbers under sorted names: the canonical form. Absent members are left out.
  const sorted = { code, digest, from, head, id, kind, omitted, position, salt, seq, thread, time, to, type };
  return sha256(JSON.stringify(sorted satisfies { readonly [member in keyof Required<EntryContent>]: EntryContent[member] }));
}

/** Hash of an entry: SHA-256 of the hash before it and the digest of its content, 32 bytes each. */
function chainHash(prev: string, content: string): string {
  return sha256(Buffer.concat([Buffer.from(prev, "base64url"), Buffer.from(content, "base64url")]));
}

/** The entry with its content hidden. */
export function hideEntry({ hash, prev, ...content }: AuditEntry): HiddenEntry {
  return { content: contentDigest(content), hash, prev, seq: content.seq };
}

/** Reads an entry. Returns `undefined` if it does not have the form of one; its hashes are not checked. */
export function readEntry(value: unknown): AuditEntry | HiddenEntry | undefined {
  if (!isJsonObject(value)) return undefined;
  const { hash, prev, ...content } = value;
  if (!isHash(hash) || !isHash(prev)) return undefined;
  const isHidden = "content" in content;
  return (isHidden ? isHiddenContent(content) : isContent(content)) ? (value as unknown as AuditEntry | HiddenEntry) : undefined;
}

/** Whether an entry is the one that its hash was computed of. */
export function isIntact(entry: AuditEntry | HiddenEntry): boolean {
  return entry.hash === chainHash(entry.prev, "content" in entry ? entry.content : hideEntry(entry).content);
}

function isContent(content: JsonObject): boolean {
  if (!REQUIRED.every((name) => Object.hasOwn(content, name))) return false;
  return Object.entries(content).every(([name, value]) => isMember(name) && MEMBERS[name](value));
}

function isHiddenContent({ content, seq, ...others }: JsonObject): boolean {
  return isHash(content) && isCount(seq) && Object.keys(others).length === 0;
}

function isText(maxLength: number): (value: unknown) => boolean {
  return (value) => typeof value === "string" && value.length <= maxLength;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Whether a value is 32 bytes in base64url, in the one spelling that encoders write. */
export function isHash(value: unknown): boolean {
  return typeof value === "string" && /^[\w-]{42}[AEIMQUYcgkosw048]$/.test(value);
}

function sha256(data: string | Uint8Array): string {
  return crypto.hash("sha256", data, "base64url");
}

function isMember(name: string): name is keyof EntryContent {
  return Object.hasOwn(MEMBERS, name);
}
