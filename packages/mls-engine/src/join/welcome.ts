import type { Environment } from "../epoch/environment.ts";
import { encode, type Reader, type Writer } from "../codec/codec.ts";
import { encryptTo, sign, type Suite } from "../crypto/labels.ts";
import { keyPackageReference, type KeyPackage } from "./key-package.ts";
import { expandWithLabel } from "ts-mls/crypto/kdf.js";
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
  type HpkeCiphertext,
  type PskId,
} from "../codec/structures.ts";

/** RFC 9420 §12.4.3.1. */
export interface Welcome {
  readonly suite: number;
  readonly secrets: readonly { readonly newMember: Uint8Array; readonly encrypted: HpkeCiphertext }[];
  readonly encryptedGroupInfo: Uint8Array;
}

/** RFC 9420 §12.4.3. */
export interface GroupInfo {
  readonly context: GroupContext;
  readonly extensions: readonly Extension[];
  readonly confirmationTag: Uint8Array;
  readonly signer: number;
  readonly signature: Uint8Array;
  readonly unsigned: Uint8Array;
}

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

/** What the signature of a GroupInfo covers (GroupInfoTBS). */
export function encodeUnsignedGroupInfo(info: Pick<GroupInfo, "context" | "extensions" | "confirmationTag" | "signer">): Uint8Array {
  return encode((w) => {
    writeGroupContext(w, info.context);
    writeExtensions(w, info.extensions);
    w.vector(info.confirmationTag).u32(info.signer);
  });
}

/** A GroupInfo, signed by a member. */
export async function encodeGroupInfo(
  env: Environment,
  signer: number,
  context: GroupContext,
  extensions: readonly Extension[],
  confirmationTag: Uint8Array,
): Promise<Uint8Array> {
  const unsigned = encodeUnsignedGroupInfo({ context, extensions, confirmationTag, signer });
  const signature = await sign(env.suite, env.signer.signatureKey.privateKey, "GroupInfoTBS", unsigned);
  return encode((w) => w.raw(unsigned).vector(signature));
}

/** The secrets of one new member, under its key package. */
export async function encryptGroupSecrets(
  suite: Suite,
  keyPackage: KeyPackage,
  encryptedGroupInfo: Uint8Array,
  secrets: GroupSecrets,
): Promise<Welcome["secrets"][number]> {
  const plaintext = encode((w) => writeGroupSecrets(w, secrets));
  const encrypted = await encryptTo(suite, keyPackage.initKey, "Welcome", encryptedGroupInfo, plaintext);
  plaintext.fill(0);
  return { newMember: await keyPackageReference(suite, keyPackage), encrypted };
}

/** Key and nonce of the GroupInfo in a Welcome. */
export async function welcomeKeys(suite: Suite, welcomeSecret: Uint8Array): Promise<{ key: Uint8Array; nonce: Uint8Array }> {
  const none = new Uint8Array();
  return {
    key: await expandWithLabel(welcomeSecret, "key", none, suite.hpke.keyLength, suite.kdf),
    nonce: await expandWithLabel(welcomeSecret, "nonce", none, suite.hpke.nonceLength, suite.kdf),
  };
}
