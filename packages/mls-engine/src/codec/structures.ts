import type { HpkeCiphertext } from "../crypto/cipher-suite.ts";
import { type Reader, malformed } from "./reader.ts";
import { encode, type Writer } from "./writer.ts";
import type { MlsCredential } from "../credentials/credential.ts";

/** Most entries of each list in a message. The size limit of the message applies first. */
const MAX = { capabilities: 1024, extensions: 256, psks: 256, proposals: 65_536, members: 65_536, path: 32, credentials: 256 } as const;

export const MLS10 = 1;

export const ExtensionType = {
  applicationId: 1,
  ratchetTree: 2,
  requiredCapabilities: 3,
  externalPub: 4,
  externalSenders: 5,
  lastResort: 10,
} as const;

/** An extension (RFC 9420 §13). */
export interface Extension {
  readonly type: number;
  readonly data: Uint8Array;
}

export type Credential = MlsCredential;

/** The capabilities that a leaf claims (RFC 9420 §7.2). */
export interface Capabilities {
  readonly versions: readonly number[];
  readonly suites: readonly number[];
  readonly extensions: readonly number[];
  readonly proposals: readonly number[];
  readonly credentials: readonly number[];
}

/** Seconds since 1970, both ends included (RFC 9420 §7.2). */
export interface Lifetime {
  readonly notBefore: bigint;
  readonly notAfter: bigint;
}

/** The capabilities that every member of a group must have (RFC 9420 §11.1). */
export type RequiredCapabilities = Pick<Capabilities, "extensions" | "proposals" | "credentials">;

/** The state that all members of an epoch agree on (RFC 9420 §8.1). */
export interface GroupContext {
  readonly version: number;
  readonly suite: number;
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly treeHash: Uint8Array;
  readonly confirmedTranscriptHash: Uint8Array;
  readonly extensions: readonly Extension[];
}

/** The identifier of a pre-shared key (RFC 9420 §8.4). */
export type PskId =
  | { readonly kind: "external"; readonly id: Uint8Array; readonly nonce: Uint8Array }
  | {
      readonly kind: "resumption";
      readonly usage: number;
      readonly groupId: Uint8Array;
      readonly epoch: bigint;
      readonly nonce: Uint8Array;
    };

const u16 = (r: Reader): number => r.u16();
export const u32 = (r: Reader): number => r.u32();
const writeU16 = (w: Writer, value: number): void => void w.u16(value);

function readExtension(r: Reader): Extension {
  return { type: r.u16(), data: r.vector() };
}

/** @throws MlsEngineError `malformed` if a type occurs twice (RFC 9420 §13.4) */
export function readExtensions(r: Reader): Extension[] {
  const extensions = r.list(readExtension, MAX.extensions);
  if (new Set(extensions.map((e) => e.type)).size !== extensions.length) throw malformed("An extension type occurs twice");
  return extensions;
}

export function writeExtensions(w: Writer, extensions: readonly Extension[]): void {
  w.list(extensions, (inner, e) => inner.u16(e.type).vector(e.data));
}

export function readCredential(r: Reader): Credential {
  return { type: r.u16(), content: r.vector() };
}

export function writeCredential(w: Writer, credential: Credential): void {
  w.u16(credential.type).vector(credential.content);
}

export function readCapabilities(r: Reader): Capabilities {
  return {
    versions: r.list(u16, MAX.capabilities),
    suites: r.list(u16, MAX.capabilities),
    extensions: r.list(u16, MAX.capabilities),
    proposals: r.list(u16, MAX.capabilities),
    credentials: r.list(u16, MAX.capabilities),
  };
}

export function writeCapabilities(w: Writer, c: Capabilities): void {
  w.list(c.versions, writeU16).list(c.suites, writeU16).list(c.extensions, writeU16);
  w.list(c.proposals, writeU16).list(c.credentials, writeU16);
}

export function readRequiredCapabilities(r: Reader): RequiredCapabilities {
  return {
    extensions: r.list(u16, MAX.capabilities),
    proposals: r.list(u16, MAX.capabilities),
    credentials: r.list(u16, MAX.capabilities),
  };
}

export function readGroupContext(r: Reader): GroupContext {
  return {
    version: r.u16(),
    suite: r.u16(),
    groupId: r.vector(),
    epoch: r.u64(),
    treeHash: r.vector(),
    confirmedTranscriptHash: r.vector(),
    extensions: readExtensions(r),
  };
}

export function writeGroupContext(w: Writer, c: GroupContext): void {
  w.u16(c.version).u16(c.suite).vector(c.groupId).u64(c.epoch).vector(c.treeHash).vector(c.confirmedTranscriptHash);
  writeExtensions(w, c.extensions);
}

export function encodeGroupContext(context: GroupContext): Uint8Array {
  return encode((w) => writeGroupContext(w, context));
}

export function readPskId(r: Reader): PskId {
  const type = r.u8();
  if (type === 1) return { kind: "external", id: r.vector(), nonce: r.vector() };
  if (type !== 2) throw malformed("A pre-shared key has an unknown type");
  const usage = r.u8();
  if (usage < 1 || usage > 3) throw malformed("A resumption key has an unknown usage");
  return { kind: "resumption", usage, groupId: r.vector(), epoch: r.u64(), nonce: r.vector() };
}

export function readPskIds(r: Reader): PskId[] {
  return r.list(readPskId, MAX.psks);
}

export function writePskId(w: Writer, psk: PskId): void {
  if (psk.kind === "external") w.u8(1).vector(psk.id);
  else w.u8(2).u8(psk.usage).vector(psk.groupId).u64(psk.epoch);
  w.vector(psk.nonce);
}

export function readHpkeCiphertext(r: Reader): HpkeCiphertext {
  return { kemOutput: r.vector(), ciphertext: r.vector() };
}

export function writeHpkeCiphertext(w: Writer, c: HpkeCiphertext): void {
  w.vector(c.kemOutput).vector(c.ciphertext);
}

export { MAX as MAX_ENTRIES };
