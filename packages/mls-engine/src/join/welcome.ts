import type { Reader } from "../codec/reader.ts";
import {
  MAX_ENTRIES,
  readExtensions,
  readGroupContext,
  readHpkeCiphertext,
  readPskIds,
  writeExtensions,
  writeGroupContext,
  writeHpkeCiphertext,
  writePskId,
  type Extension,
  type GroupContext,
  type PskId,
} from "../codec/structures.ts";
import { encode, type Writer } from "../codec/writer.ts";
import type { CipherSuite, HpkeCiphertext } from "../crypto/cipher-suite.ts";
import { encryptWithLabel, erase, expandWithLabel, signWithLabel } from "../crypto/labels.ts";
import type { Environment } from "../epoch/environment.ts";
import { keyPackageReference, type KeyPackage } from "./key-package.ts";

/** A Welcome ([RFC 9420 §12.4.3.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-12.4.3.1)): what new members need to join. */
export interface Welcome {
  readonly suite: number;
  /** One entry per new member, encrypted to the init key of its key package. */
  readonly secrets: readonly EncryptedGroupSecrets[];
  /** The GroupInfo, encrypted under the welcome secret, which each entry leads to. */
  readonly encryptedGroupInfo: Uint8Array;
}

export interface EncryptedGroupSecrets {
  /** The reference of the new member's key package. */
  readonly newMember: Uint8Array;
  readonly encrypted: HpkeCiphertext;
}

/** A GroupInfo (RFC 9420 §12.4.3): the public state of an epoch, signed by a member. */
export interface GroupInfo {
  readonly context: GroupContext;
  readonly extensions: readonly Extension[];
  readonly confirmationTag: Uint8Array;
  /** The leaf of the signer. */
  readonly signer: number;
  readonly signature: Uint8Array;
  /** The encoding without the signature (GroupInfoTBS). */
  readonly unsigned: Uint8Array;
}

/** GroupSecrets (RFC 9420 §12.4.3.1). */
export interface GroupSecrets {
  readonly joiner: Uint8Array;
  readonly pathSecret: Uint8Array | undefined;
  readonly psks: readonly PskId[];
}

export function readWelcome(r: Reader): Welcome {
  return {
    suite: r.u16(),
    secrets: r.list((s) => ({ newMember: s.vector(), encrypted: readHpkeCiphertext(s) }), MAX_ENTRIES.members),
    encryptedGroupInfo: r.vector(),
  };
}

export function writeWelcome(w: Writer, welcome: Welcome): void {
  w.u16(welcome.suite).list(welcome.secrets, (inner, s) => writeHpkeCiphertext(inner.vector(s.newMember), s.encrypted));
  w.vector(welcome.encryptedGroupInfo);
}

export function readGroupInfo(r: Reader): GroupInfo {
  const start = r.offset;
  const context = readGroupContext(r);
  const extensions = readExtensions(r);
  const confirmationTag = r.vector();
  const signer = r.u32();
  const unsigned = r.since(start);
  return { context, extensions, confirmationTag, signer, unsigned, signature: r.vector() };
}

export function readGroupSecrets(r: Reader): GroupSecrets {
  return { joiner: r.vector(), pathSecret: r.optional((s) => s.vector()), psks: readPskIds(r) };
}

export function writeGroupSecrets(w: Writer, secrets: GroupSecrets): void {
  w.vector(secrets.joiner).optional(secrets.pathSecret, (inner, secret) => inner.vector(secret));
  w.list(secrets.psks, writePskId);
}

/** GroupInfoTBS (RFC 9420 §12.4.3). */
export function encodeUnsignedGroupInfo(info: Pick<GroupInfo, "context" | "extensions" | "confirmationTag" | "signer">): Uint8Array {
  return encode((w) => {
    writeGroupContext(w, info.context);
    writeExtensions(w, info.extensions);
    w.vector(info.confirmationTag).u32(info.signer);
  });
}

/** A GroupInfo, signed by this member. Called by the committer for a Welcome. */
export function encodeGroupInfo(env: Environment, info: Parameters<typeof encodeUnsignedGroupInfo>[0]): Uint8Array {
  const unsigned = encodeUnsignedGroupInfo(info);
  const signature = signWithLabel(env.suite, env.signer.signatureKey.privateKey, "GroupInfoTBS", unsigned);
  return encode((w) => w.raw(unsigned).vector(signature));
}

/** Encrypts the secrets of a new member to the init key of its key package. */
export function encryptGroupSecrets(
  suite: CipherSuite,
  keyPackage: KeyPackage,
  encryptedGroupInfo: Uint8Array,
  secrets: GroupSecrets,
): EncryptedGroupSecrets {
  const plaintext = encode((w) => writeGroupSecrets(w, secrets));
  const encrypted = encryptWithLabel(suite, keyPackage.initKey, "Welcome", encryptedGroupInfo, plaintext);
  erase(plaintext);
  return { newMember: keyPackageReference(suite, keyPackage), encrypted };
}

/** The key and nonce of the GroupInfo in a Welcome (RFC 9420 §12.4.3.1). They are used once, for they are derived from the joiner secret. */
export function welcomeKeys(suite: CipherSuite, welcomeSecret: Uint8Array): { key: Uint8Array; nonce: Uint8Array } {
  const none = new Uint8Array();
  return {
    key: expandWithLabel(suite, welcomeSecret, "key", none, suite.keyLength),
    nonce: expandWithLabel(suite, welcomeSecret, "nonce", none, suite.nonceLength),
  };
}
